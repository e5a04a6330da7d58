// Offers to install the server, and shows what would be run before it runs.

import * as vscode from "vscode";
import { requirement } from "./configuration.ts";
import { commandLine, waysToInstall } from "./core/installing.ts";
import { thisMachine } from "./machine.ts";
import { runInTerminal } from "./programs.ts";
import { openMachineSettings } from "./settingsPage.ts";

const MANUAL = "https://pipx.pypa.io/stable/installation/";

/** Asks how, runs it in a terminal; returns whether it went well. */
export async function install(): Promise<boolean> {
  const machine = thisMachine();
  const ways = waysToInstall(machine, requirement());
  if (ways.length === 0) {
    await explainHowTo();
    return false;
  }
  const items = ways.map((way) => ({
    label: commandLine(way.command, machine),
    detail: `${way.label}: ${way.detail}`,
    way,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: "Install Fimbria's server: this command is run in a terminal",
    placeHolder: "Choose the command to run, or press Escape to run nothing",
  });
  if (chosen === undefined) return false;
  const status = await runInTerminal("Install Fimbria", chosen.way.command);
  if (status === 0) return true;
  void vscode.window.showErrorMessage(
    "Fimbria was not installed. The terminal shows why; the command can be changed and run by hand.",
  );
  return false;
}

async function explainHowTo(): Promise<void> {
  const choice = await vscode.window.showWarningMessage(
    "Neither uv nor pipx was found, which keep a Python program in an environment of its own. " +
      "Install one of them, or set fimbria.server.command to where the server is.",
    "How to install pipx",
    "Open the setting",
  );
  if (choice === "How to install pipx") await vscode.env.openExternal(vscode.Uri.parse(MANUAL));
  if (choice === "Open the setting") {
    await openMachineSettings("fimbria.server.command");
  }
}
