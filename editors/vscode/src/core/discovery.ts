// Where the `fimbria` command is.

import { paths, searchPath } from "./programs.ts";

/** A command and the arguments before the subcommand, such as `python -m lsp_server`. */
export interface Server {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it was found, for the user. */
  readonly origin: string;
}

/** What discovery may know of the machine. */
export interface Machine {
  readonly platform: string;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  isExecutable(path: string): boolean;
}

/** What the user has set and opened. */
export interface Wishes {
  /** The setting `fimbria.server.command`; empty for none. */
  readonly command: readonly string[];
  /** Folders of the workspace whose programs may be run: none unless the workspace is trusted. */
  readonly folders: readonly string[];
}

const ENVIRONMENT_FOLDERS = [".venv", "venv", "env"];

/**
 * Returns the first that there is of: the setting, a virtual environment of the workspace, PATH,
 * the tool folders of pipx and uv. A command that is set is taken as it is: if it is wrong, the
 * user wants to hear so.
 */
export function findServer(wishes: Wishes, machine: Machine): Server | undefined {
  const [command, ...args] = wishes.command;
  if (command !== undefined && command.trim() !== "") {
    const origin = "the setting fimbria.server.command";
    return { command: expanded(command, machine), args, origin };
  }
  for (const { path, origin } of candidates(wishes, machine)) {
    if (machine.isExecutable(path)) return { command: path, args: [], origin };
  }
  return undefined;
}

interface Candidate {
  readonly path: string;
  readonly origin: string;
}

function* candidates(wishes: Wishes, machine: Machine): Generator<Candidate> {
  const path = paths(machine);
  const [bin, program] =
    machine.platform === "win32" ? ["Scripts", "fimbria.exe"] : ["bin", "fimbria"];
  for (const folder of wishes.folders) {
    for (const name of ENVIRONMENT_FOLDERS) {
      yield { path: path.join(folder, name, bin, program), origin: `${name} of the workspace` };
    }
  }
  for (const folder of searchPath(machine)) yield { path: path.join(folder, program), origin: "PATH" };
  for (const folder of toolPrograms(machine)) {
    yield { path: path.join(folder, program), origin: "the programs of pipx and uv" };
  }
  for (const folder of toolEnvironments(machine)) {
    yield { path: path.join(folder, bin, program), origin: "an environment of pipx or uv" };
  }
}

/** Where pipx and uv put programs: an editor that was not started by a shell lacks them on PATH. */
function toolPrograms(machine: Machine): string[] {
  const { environment, home } = machine;
  return present([
    environment.PIPX_BIN_DIR,
    environment.UV_TOOL_BIN_DIR,
    environment.XDG_BIN_HOME,
    paths(machine).join(home, ".local", "bin"),
  ]);
}

function toolEnvironments(machine: Machine): string[] {
  const { environment, home } = machine;
  const path = paths(machine);
  const share = environment.XDG_DATA_HOME ?? path.join(home, ".local", "share");
  const roots = present([
    under(environment.PIPX_HOME, "venvs", machine),
    path.join(share, "pipx", "venvs"),
    path.join(home, ".local", "pipx", "venvs"),
    environment.UV_TOOL_DIR,
    path.join(share, "uv", "tools"),
    under(environment.APPDATA, path.join("uv", "tools"), machine),
  ]);
  return roots.map((root) => path.join(root, "fimbria"));
}

function under(root: string | undefined, path: string, machine: Machine): string | undefined {
  return root === undefined ? undefined : paths(machine).join(root, path);
}

function present(values: (string | undefined)[]): string[] {
  return values.filter((value) => value !== undefined && value !== "") as string[];
}

/** Returns a path with `~` as the home folder. */
export function expanded(command: string, machine: Machine): string {
  return command.startsWith("~/") ? paths(machine).join(machine.home, command.slice(2)) : command;
}
