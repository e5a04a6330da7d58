// The machine that the extension host runs on: with a remote workspace, the remote one.

import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import * as vscode from "vscode";
import { findServer, type Machine, type Server } from "./core/discovery.ts";
import { serverCommand } from "./configuration.ts";

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    home: homedir(),
    environment: process.env,
    isExecutable,
  };
}

/** Finds the server as the settings, the workspace and the machine are now. */
export function findOnThisMachine(): Server | undefined {
  const folders = vscode.workspace.isTrusted ? (vscode.workspace.workspaceFolders ?? []) : [];
  const local = folders.filter((folder) => folder.uri.scheme === "file");
  const wishes = {
    command: serverCommand(),
    folders: local.map((folder) => folder.uri.fsPath),
  };
  return findServer(wishes, thisMachine());
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
