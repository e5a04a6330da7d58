// The machine that the extension host runs on: with a remote workspace, the remote one.

import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute } from "node:path";
import * as vscode from "vscode";
import { expanded, findServer, type Machine, type Server } from "./core/discovery.ts";
import { serverCommand } from "./configuration.ts";

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    home: homedir(),
    environment: process.env,
    isExecutable,
  };
}

/**
 * Finds the server as the settings, the workspace and the machine are now. Throws if the setting
 * makes no sense.
 */
export function findOnThisMachine(): Server | undefined {
  const folders = vscode.workspace.isTrusted ? (vscode.workspace.workspaceFolders ?? []) : [];
  const local = folders.filter((folder) => folder.uri.scheme === "file");
  const wishes = {
    command: serverCommand(),
    folders: local.map((folder) => folder.uri.fsPath),
  };
  return findServer(wishes, thisMachine());
}

/** Returns a model's name, or its folder as the server writes it. */
export function modelOnThisMachine(name: string): string {
  const folder = expanded(name, thisMachine());
  try {
    return isAbsolute(folder) ? realpathSync(folder) : name;
  } catch {
    return name; // there is none
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
