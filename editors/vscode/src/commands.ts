// The commands of the palette, the menus and the walkthrough.

import * as vscode from "vscode";
import { chooseAction } from "./actions.ts";
import type { ChatView } from "./chat/provider.ts";
import { toggleEnabled, toggleLanguage } from "./configuration.ts";
import { KEY, TEXT } from "./core/firstTry.ts";
import { editWithInstruction, type Target } from "./editing.ts";
import type { GhostText } from "./ghostText.ts";
import { install } from "./installation.ts";
import { showMenu } from "./menu.ts";
import { chooseModel } from "./models.ts";
import { runInTerminal } from "./programs.ts";
import type { Session } from "./session.ts";
import type { Snooze } from "./snooze.ts";
import type { StatusBar } from "./statusBar.ts";

const WALKTHROUGH = "fimbria.fimbria#firstSteps";

type Command = (argument?: unknown) => unknown;

export function registerCommands(
  session: Session,
  status: StatusBar,
  snooze: Snooze,
  chat: ChatView,
  ghostText: GhostText,
): vscode.Disposable {
  const commands: Record<string, Command> = {
    ...ghostTextCommands(snooze),
    ...serverCommands(session),
    menu: () => {
      showMenu(status, snooze.until, session.readFigures());
    },
    edit: () => editWithInstruction(session.client, undefined),
    askInstruction: (target) => editWithInstruction(session.client, target as Target),
    actions: () => chooseAction(session.client),
    ...chat.commands(),
    settings: () =>
      vscode.commands.executeCommand("workbench.action.openSettings", "@ext:fimbria.fimbria"),
    walkthrough: async () => {
      await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH);
      session.steps.opened();
    },
    tryIt: () => tryIt(ghostText),
  };
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, command]) =>
      vscode.commands.registerCommand(`fimbria.${name}`, command),
    ),
  );
}

function ghostTextCommands(snooze: Snooze): Record<string, Command> {
  return {
    suggest,
    acceptLine: () => vscode.commands.executeCommand("editor.action.inlineSuggest.acceptNextLine"),
    toggle: toggleEnabled,
    toggleLanguage: async () => {
      const language = vscode.window.activeTextEditor?.document.languageId;
      if (language !== undefined) await toggleLanguage(language);
    },
    snooze: () => snooze.ask(),
    resume: () => {
      snooze.end();
    },
  };
}

function serverCommands(session: Session): Record<string, Command> {
  const withServer = async (act: (server: NonNullable<Session["server"]>) => unknown): Promise<void> => {
    if (session.server === undefined) await vscode.commands.executeCommand("fimbria.install");
    else await act(session.server);
  };
  return {
    restart: () => session.restart(),
    showLog: () => {
      session.channel.show();
    },
    install: async () => {
      if (await install()) await session.restart();
    },
    chooseModel: () => withServer((server) => chooseModel(server, session.environment)),
    doctor: () =>
      withServer(({ command, args }) =>
        runInTerminal("Check Fimbria", [command, ...args, "doctor"], session.environment),
      ),
  };
}

function suggest(): Thenable<unknown> {
  return vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
}

/**
 * Opens a text, types what a suggestion comes after, and asks as for what was typed: VS Code does
 * not always do so in an editor that has just been opened. Where ghost text is switched off, the
 * wish is explicit.
 */
async function tryIt(ghostText: GhostText): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ language: "python", content: TEXT });
  const editor = await vscode.window.showTextDocument(document);
  const end = document.positionAt(TEXT.length);
  editor.selection = new vscode.Selection(end, end);
  await vscode.commands.executeCommand("default:type", { text: KEY });
  if (!ghostText.catchUp()) await suggest();
}
