// Why a server that has said nothing does not run, in words.

import type { Server } from "./discovery.ts";

/** How a process ended: with a status, or by a signal. */
export interface End {
  readonly status: number | null;
  readonly signal: string | null;
}

/** What there is at a command's place. */
export type Program = "runnable" | "notRunnable" | "none";

/** Returns a sentence's part; empty where only the system knows. `end`: if it had been started. */
export function whyItDoesNotRun(server: Server, program: Program, end: End | undefined): string {
  const { command, isSet } = server;
  const named = isSet ? `${command}, which the setting fimbria.server.command names` : command;
  if (end !== undefined) return `${named}${isSet ? "," : ""} ended ${how(end)}`;
  if (program === "none") return `there is no program ${named}${hintAt(command)}`;
  if (program === "notRunnable") return `${named}${isSet ? "," : ""} is no program that can be run`;
  return "";
}

function how({ status, signal }: End): string {
  return status === null ? `by ${signal ?? "a signal"}` : `with status ${status}`;
}

/** A command line in one text is taken for a program's name. `lsp` is added to what is set. */
function hintAt(command: string): string {
  const words = command.trim().split(/\s+/);
  if (words.length === 1) return "";
  const list = words.at(-1) === "lsp" ? words.slice(0, -1) : words;
  const written = list.map((word) => JSON.stringify(word)).join(", ");
  return `; a program and its arguments have to be a list, here perhaps [${written}]`;
}
