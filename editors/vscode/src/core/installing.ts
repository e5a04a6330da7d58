// Ways to install Fimbria, as the commands that would be run.

import type { Machine } from "./discovery.ts";
import { findProgram } from "./programs.ts";

export interface Way {
  readonly label: string;
  readonly detail: string;
  readonly command: readonly [string, ...string[]];
}

/** Returns the ways that this machine offers, the best first; each keeps Fimbria to itself. */
export function waysToInstall(machine: Machine, requirement: string): Way[] {
  const ways: Way[] = [];
  const uv = findProgram("uv", machine);
  if (uv !== undefined) {
    ways.push({
      label: "uv tool",
      detail: "in an environment of its own, updated with uv tool upgrade",
      command: [uv, "tool", "install", requirement],
    });
  }
  const pipx = findProgram("pipx", machine);
  if (pipx !== undefined) {
    ways.push({
      label: "pipx",
      detail: "in an environment of its own, updated with pipx upgrade",
      command: [pipx, "install", requirement],
    });
  }
  return ways;
}

/** Writes a command as one would type it. */
export function commandLine(command: readonly string[]): string {
  return command.map((word) => (/^[\w./:=@~+-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}
