// What the user can do where chats cannot be answered.

import * as vscode from "vscode";
import type { Remedy } from "../core/availability.ts";
import { openMachineSettings } from "../settingsPage.ts";

export async function apply(remedy: Remedy): Promise<void> {
  switch (remedy) {
    case "install":
      return vscode.commands.executeCommand("fimbria.install");
    case "restart":
      return vscode.commands.executeCommand("fimbria.restart");
    case "log":
      return vscode.commands.executeCommand("fimbria.showLog");
    case "setting":
      return openMachineSettings("fimbria.server.command");
    case "settings":
      return openMachineSettings("fimbria.chat");
  }
}
