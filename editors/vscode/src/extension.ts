// Puts the extension together.

import * as vscode from "vscode";
import type { TextEdit } from "vscode-languageclient/node";
import { ChatView } from "./chat/provider.ts";
import { registerCommands } from "./commands.ts";
import { Latencies } from "./core/latencies.ts";
import { GhostText } from "./ghostText.ts";
import { Proposals } from "./proposals.ts";
import { Session } from "./session.ts";
import { Snooze } from "./snooze.ts";
import { StatusBar } from "./statusBar.ts";

const KNOWN = "fimbria.firstStepsShown";

/** VS Code hands `deactivate` nothing, and waits for it, as it does not for what is disposed. */
let running: Session | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const status = new StatusBar();
  const snooze = new Snooze();
  const ghostText: GhostText = new GhostText(
    status,
    snooze,
    new Latencies(),
    () => session.client?.ghostText,
  );
  const session = new Session(context, status, ghostText);
  running = session;
  const proposals = new Proposals(async (edits) =>
    session.client?.protocol2CodeConverter.asTextEdits(edits as TextEdit[]) ?? [],
  );
  const chat = new ChatView(context.extensionUri, proposals, () => session.client);
  context.subscriptions.push(
    status,
    snooze,
    ghostText,
    session,
    proposals,
    chat,
    registerCommands(session, status, snooze, chat, ghostText),
    session.onDidChange(() => chat.serverChanged()),
    vscode.workspace.onDidChangeConfiguration((event) => session.configure(event)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => session.lookAgain()),
    vscode.workspace.onDidChangeWorkspaceFolders(() => session.lookAgain()),
  );
  await session.restart();
  await showFirstSteps(context);
}

/** Ends the server before the window ends. */
export async function deactivate(): Promise<void> {
  await running?.stop();
}

/** Once per machine; not where an administrator or a test has switched such things off. */
async function showFirstSteps(context: vscode.ExtensionContext): Promise<void> {
  if (context.globalState.get(KNOWN) === true) return;
  await context.globalState.update(KNOWN, true);
  const startup = vscode.workspace.getConfiguration("workbench").get("startupEditor");
  if (startup === "none") return;
  await vscode.commands.executeCommand("fimbria.walkthrough");
}
