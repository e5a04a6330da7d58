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

/** Writes a command as one would type it into a shell of the machine. */
export function commandLine(command: readonly string[], { platform }: Machine): string {
  const quoted = platform === "win32" ? quotedForWindows : quotedForPosix;
  return command.map((word) => (/^[\w./:=@~+-]+$/.test(word) ? word : quoted(word))).join(" ");
}

function quotedForPosix(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function quotedForWindows(word: string): string {
  return /^[\w.\\/:=@~+-]+$/.test(word) ? word : `"${word}"`;
}
