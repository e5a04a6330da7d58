// What a click on the status bar item offers.

import * as vscode from "vscode";
import { wanted } from "./configuration.ts";
import { isLanguageWanted } from "./core/enablement.ts";
import { tooltipLines, type Facts } from "./core/status.ts";
import type { StatusBar } from "./statusBar.ts";

interface Entry extends vscode.QuickPickItem {
  readonly command?: string;
}

/** Shows the menu at once; the model's figures are put in when `figures` is there. */
export function showMenu(status: StatusBar, snoozedUntil: number, figures: Promise<void>): void {
  const pick = vscode.window.createQuickPick<Entry>();
  const describe = (): void => {
    const [title, ...lines] = tooltipLines(status.facts);
    pick.title = title;
    pick.placeholder = lines.join(" · ") || "What shall Fimbria do?";
  };
  describe();
  void figures.then(describe);
  pick.items = entries(status.facts, snoozedUntil);
  pick.onDidAccept(() => {
    const command = pick.selectedItems[0]?.command;
    pick.hide();
    if (command !== undefined) void run(command);
  });
  pick.onDidHide(() => {
    pick.dispose();
  });
  pick.show();
}

/**
 * Runs an entry with the focus in the editor: after a click on the status bar VS Code would give it
 * back to that, also after what the entry itself asks.
 */
async function run(command: string): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.focusActiveEditorGroup");
  await vscode.commands.executeCommand(command);
}

function entries(facts: Facts, snoozedUntil: number): Entry[] {
  const isMissing = facts.server === "missing";
  return [
    ...(isMissing ? [entry("cloud-download", "Install the server…", "install")] : []),
    ...ghostTextEntries(snoozedUntil),
    { label: "", kind: vscode.QuickPickItemKind.Separator },
    entry("server-environment", "Choose model…", "chooseModel"),
    entry("debug-restart", "Restart server", "restart"),
    entry("output", "Show log", "showLog"),
    entry("pulse", "Check the installation", "doctor"),
    { label: "$(gear) Settings", command: "fimbria.settings" },
    entry("book", "First steps", "walkthrough"),
  ];
}

function ghostTextEntries(snoozedUntil: number): Entry[] {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const { isEnabled, languages } = wanted(undefined, snoozedUntil);
  const found = [entry(isEnabled ? "debug-pause" : "play", onOff(!isEnabled), "toggle")];
  if (language !== undefined) {
    const label = onOff(!isLanguageWanted(languages, language), ` for ${language}`);
    found.push(entry("symbol-keyword", label, "toggleLanguage"));
  }
  const snooze =
    snoozedUntil === 0
      ? entry("bell-slash", "Snooze ghost text…", "snooze")
      : entry("bell", "Resume ghost text", "resume");
  return [...found, snooze];
}

function onOff(on: boolean, where = ""): string {
  return `Switch ghost text ${on ? "on" : "off"}${where}`;
}

function entry(icon: string, label: string, command: string): Entry {
  return { label: `$(${icon}) ${label}`, command: `fimbria.${command}` };
}
