// Runs the `fimbria` command beside the language server.

import { execFile } from "node:child_process";
import * as vscode from "vscode";
import type { Server } from "./core/discovery.ts";

const TIMEOUT_MS = 20_000;

/** Returns what a subcommand prints; empty if it fails. */
export async function output(server: Server, ...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const whole = [...server.args, ...args];
    execFile(server.command, whole, { timeout: TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null ? stdout : "");
    });
  });
}

/**
 * Runs a command where the user sees it and can answer; returns its exit status, undefined if it
 * was ended from outside.
 */
export async function runInTerminal(
  title: string,
  command: readonly [string, ...string[]],
): Promise<number | undefined> {
  const [program, ...args] = command;
  const task = new vscode.Task(
    { type: "fimbria" },
    vscode.TaskScope.Workspace,
    title,
    "Fimbria",
    new vscode.ProcessExecution(program, args),
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, focus: true, clear: true };
  const execution = await vscode.tasks.executeTask(task);
  return new Promise((resolve) => {
    const listener = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution !== execution) return;
      listener.dispose();
      resolve(event.exitCode);
    });
  });
}
