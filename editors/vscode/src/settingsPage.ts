// The settings page, at what the user has to set.

import * as vscode from "vscode";

/**
 * Shows settings that hold for the machine that the server runs on. In a remote window they are on
 * a page of their own, and the other one does not have them.
 */
export async function openMachineSettings(query: string): Promise<void> {
  const isRemote = vscode.env.remoteName !== undefined;
  const place = isRemote ? "openRemoteSettings" : "openSettings";
  await vscode.commands.executeCommand(`workbench.action.${place}`, { query });
}
