// What a click on the status bar item offers.

import * as vscode from "vscode";
import { wanted } from "./configuration.ts";
import { isLanguageWanted } from "./core/enablement.ts";
import { tooltipLines, type Facts } from "./core/status.ts";

interface Entry extends vscode.QuickPickItem {
  readonly command?: string;
}

export async function showMenu(facts: Facts, snoozedUntil: number): Promise<void> {
  const [title, ...figures] = tooltipLines(facts);
  const chosen = await vscode.window.showQuickPick(entries(facts, snoozedUntil), {
    ...(title === undefined ? {} : { title }),
    placeHolder: figures.join(" · ") || "What shall Fimbria do?",
  });
  if (chosen?.command !== undefined) await vscode.commands.executeCommand(chosen.command);
}

function entries(facts: Facts, snoozedUntil: number): Entry[] {
  const found: Entry[] = facts.server === "missing" ? [entry("cloud-download", "Install the server…", "install")] : [];
  return [
    ...found,
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
