// What the user can do where chats cannot be answered.

import * as vscode from "vscode";
import type { Remedy } from "../core/availability.ts";

export async function apply(remedy: Remedy): Promise<void> {
  switch (remedy) {
    case "install":
      return vscode.commands.executeCommand("fimbria.install");
    case "restart":
      return vscode.commands.executeCommand("fimbria.restart");
    case "log":
      return vscode.commands.executeCommand("fimbria.showLog");
    case "setting":
      return openSettings("fimbria.server.command");
    case "settings":
      return openSettings("fimbria.chat");
  }
}

/** Settings of the machine are those of the remote one, where there is one; others show none. */
async function openSettings(query: string): Promise<void> {
  const isRemote = vscode.env.remoteName !== undefined;
  const place = isRemote ? "openRemoteSettings" : "openSettings";
  await vscode.commands.executeCommand(`workbench.action.${place}`, { query });
}
