// The machine that the extension host runs on: with a remote workspace, the remote one.

import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, resolve } from "node:path";
import * as vscode from "vscode";
import { expanded, findServer, isBare, type Machine, type Server } from "./core/discovery.ts";
import type { Program } from "./core/lastWords.ts";
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

/** What there is of a server's program, which is run in the home folder. */
export function programOf({ command }: Server): Program {
  if (isBare(command)) return "none"; // a name that was found has become a path
  const path = resolve(homedir(), command);
  if (isExecutable(path)) return "runnable";
  return existsSync(path) ? "notRunnable" : "none";
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
