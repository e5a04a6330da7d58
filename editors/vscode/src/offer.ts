// What to say where no server was found: where it was looked for, and what to do.

import * as vscode from "vscode";
import { openMachineSettings } from "./settingsPage.ts";

const NEVER_AGAIN = "fimbria.neverOfferInstallation";

const COMMANDS: Readonly<Record<string, string>> = {
  "Install…": "fimbria.install",
  "Look Again": "fimbria.restart",
  "Manage Workspace Trust": "workbench.trust.manage",
};

/**
 * Offers to install the server, unless the user wants no more such offers. VS Code closes an offer
 * that is still open when the same is made again.
 */
export async function offerInstallation(memory: vscode.Memento): Promise<void> {
  if (memory.get(NEVER_AGAIN) === true) return;
  const { isTrusted } = vscode.workspace;
  const never = "Don't Ask Again";
  const trust = isTrusted ? [] : ["Manage Workspace Trust"];
  const choice = await vscode.window.showInformationMessage(
    whereItIsNot(isTrusted),
    ...[...trust, "Install…", "Set Its Path", "Look Again", never],
  );
  if (choice === never) await memory.update(NEVER_AGAIN, true);
  if (choice === "Set Its Path") await openMachineSettings("fimbria.server.command");
  const command = COMMANDS[choice ?? ""];
  if (command !== undefined) await vscode.commands.executeCommand(command);
}

function whereItIsNot(isTrusted: boolean): string {
  return isTrusted
    ? "Fimbria's server was not found: neither in the workspace's virtual environment, nor on " +
        "PATH, nor among the tools of pipx and uv."
    : "Fimbria's server was not found: neither on PATH, nor among the tools of pipx and uv. This " +
        "workspace is not trusted, so its own virtual environment was not looked into.";
}
