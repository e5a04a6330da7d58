// Runs the `fimbria` command beside the language server.

import { execFile } from "node:child_process";
import { homedir } from "node:os";
import * as vscode from "vscode";
import type { Server } from "./core/discovery.ts";

const TIMEOUT_MS = 20_000;

export type Environment = Readonly<Record<string, string>>;

/**
 * Where programs are run. Python and Windows look for modules and programs in the current folder
 * first: it must be none of a workspace, which may be one that nobody trusts.
 */
export function surroundings(environment: Environment = {}): { cwd: string; env: Environment } {
  return { cwd: homedir(), env: { ...environment, PYTHONSAFEPATH: "1" } };
}

/** Returns what a subcommand prints; empty if it fails. */
export async function output(
  server: Server,
  environment: Environment,
  ...args: string[]
): Promise<string> {
  const { cwd, env } = surroundings(environment);
  const options = { cwd, env: { ...process.env, ...env }, timeout: TIMEOUT_MS };
  return new Promise((resolve) => {
    execFile(server.command, [...server.args, ...args], options, (error, stdout) => {
      resolve(error === null ? stdout : "");
    });
  });
}

/**
 * Runs a command where the user sees it and can answer; returns its exit status, undefined if it
 * was ended from outside or could not be started.
 */
export async function runInTerminal(
  title: string,
  command: readonly [string, ...string[]],
  environment: Environment = {},
): Promise<number | undefined> {
  const [program, ...args] = command;
  const task = new vscode.Task(
    { type: "fimbria" },
    vscode.TaskScope.Workspace,
    title,
    "Fimbria",
    new vscode.ProcessExecution(program, args, surroundings(environment)),
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, focus: true, clear: true };
  return statusOf(() => vscode.tasks.executeTask(task));
}

/** Listens before it starts: a task that fails at once would not be heard of. */
async function statusOf(
  start: () => Thenable<vscode.TaskExecution>,
): Promise<number | undefined> {
  const listeners: vscode.Disposable[] = [];
  try {
    return await new Promise((resolve, reject) => {
      const ended = async (which: vscode.TaskExecution, status?: number): Promise<void> => {
        if (which === (await execution)) resolve(status);
      };
      listeners.push(
        vscode.tasks.onDidEndTaskProcess((event) => ended(event.execution, event.exitCode)),
        vscode.tasks.onDidEndTask((event) => ended(event.execution)), // had it a process or not
      );
      const execution = Promise.resolve(start());
      execution.catch(reject);
    });
  } finally {
    for (const listener of listeners) listener.dispose();
  }
}
