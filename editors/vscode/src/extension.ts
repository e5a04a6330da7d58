// Puts the extension together.

import * as vscode from "vscode";
import { ChatView } from "./chat/provider.ts";
import { registerCommands } from "./commands.ts";
import { Latencies } from "./core/latencies.ts";
import { GhostText } from "./ghostText.ts";
import { Session } from "./session.ts";
import { Snooze } from "./snooze.ts";
import { StatusBar } from "./statusBar.ts";

const KNOWN = "fimbria.firstStepsShown";

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const status = new StatusBar();
  const snooze = new Snooze();
  const ghostText = new GhostText(status, snooze, new Latencies());
  const session = new Session(context.extension, status, ghostText);
  const chat = new ChatView(context.extensionUri, () => session.client);
  context.subscriptions.push(
    status,
    snooze,
    ghostText,
    session,
    chat,
    registerCommands(session, status, snooze, chat),
    session.onDidChange(() => chat.serverChanged()),
    vscode.workspace.onDidChangeConfiguration((event) => session.configure(event)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => session.restart()),
  );
  await session.restart();
  await showFirstSteps(context);
}

/** Once per machine; not where an administrator or a test has switched such things off. */
async function showFirstSteps(context: vscode.ExtensionContext): Promise<void> {
  if (context.globalState.get(KNOWN) === true) return;
  await context.globalState.update(KNOWN, true);
  const startup = vscode.workspace.getConfiguration("workbench").get("startupEditor");
  if (startup === "none") return;
  await vscode.commands.executeCommand("fimbria.walkthrough");
}
