// Programs on PATH, and paths as the machine writes them.

import { posix, win32, type PlatformPath } from "node:path";
import type { Machine } from "./discovery.ts";

/** Returns the path of a program on PATH or in ~/.local/bin, or undefined. */
export function findProgram(name: string, machine: Machine): string | undefined {
  const path = paths(machine);
  const file = machine.platform === "win32" ? `${name}.exe` : name;
  const folders = [...searchPath(machine), path.join(machine.home, ".local", "bin")];
  const places = folders.map((folder) => path.join(folder, file));
  return places.find((place) => machine.isExecutable(place));
}

/** Folders of PATH; what is relative there may point into a workspace that nobody trusts. */
export function searchPath(machine: Machine): string[] {
  const path = paths(machine);
  const value = machine.environment.PATH ?? machine.environment.Path ?? "";
  return value.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
}

export function paths(machine: Machine): PlatformPath {
  return machine.platform === "win32" ? win32 : posix;
}
