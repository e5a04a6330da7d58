// Where the `fimbria` command is.

import { paths, searchPath } from "./programs.ts";

/** A command and the arguments before the subcommand, such as `python -m lsp_server`. */
export interface Server {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it was found, for the user. */
  readonly origin: string;
  /** Whether the setting names it. */
  readonly isSet: boolean;
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
 * the tool folders of pipx and uv. A path that is set is taken as it is: if it is wrong, the user
 * wants to hear so. A bare name is looked for in the same places, the workspace last.
 */
export function findServer(wishes: Wishes, machine: Machine): Server | undefined {
  const [command, ...args] = wishes.command;
  if (command !== undefined && command.trim() !== "") {
    const origin = "the setting fimbria.server.command";
    const places = isBare(command) ? ofMachineFirst(command, wishes, machine) : [];
    const path = found(places, machine)?.path ?? expanded(command, machine);
    return { command: path, args, origin, isSet: true };
  }
  const place = found(ofWorkspaceFirst("fimbria", wishes, machine), machine);
  if (place === undefined) return undefined;
  return { command: place.path, args: [], origin: place.origin, isSet: false };
}

/** Whether a command is a program's name, and no path. */
export function isBare(command: string): boolean {
  return !/[\\/]/.test(command);
}

interface Candidate {
  readonly path: string;
  readonly origin: string;
}

function found(places: Candidate[], machine: Machine): Candidate | undefined {
  return places.find(({ path }) => machine.isExecutable(path));
}

function ofWorkspaceFirst(name: string, { folders }: Wishes, machine: Machine): Candidate[] {
  return [...ofWorkspace(name, folders, machine), ...ofMachine(name, machine)];
}

/** Who names a program has what a shell would run in mind. */
function ofMachineFirst(name: string, { folders }: Wishes, machine: Machine): Candidate[] {
  return [...ofMachine(name, machine), ...ofWorkspace(name, folders, machine)];
}

function* ofWorkspace(
  name: string,
  folders: readonly string[],
  machine: Machine,
): Generator<Candidate> {
  const path = paths(machine);
  const { bin, program } = asFile(name, machine);
  for (const folder of folders) {
    for (const environment of ENVIRONMENT_FOLDERS) {
      const origin = `${environment} of the workspace`;
      yield { path: path.join(folder, environment, bin, program), origin };
    }
  }
}

function* ofMachine(name: string, machine: Machine): Generator<Candidate> {
  const path = paths(machine);
  const { bin, program } = asFile(name, machine);
  for (const folder of searchPath(machine)) yield { path: path.join(folder, program), origin: "PATH" };
  for (const folder of toolPrograms(machine)) {
    yield { path: path.join(folder, program), origin: "the programs of pipx and uv" };
  }
  for (const folder of toolEnvironments(machine)) {
    yield { path: path.join(folder, bin, program), origin: "an environment of pipx or uv" };
  }
}

/** A program's file, and the folder of a virtual environment that it is in. */
function asFile(name: string, { platform }: Machine): { bin: string; program: string } {
  if (platform !== "win32") return { bin: "bin", program: name };
  return { bin: "Scripts", program: /\.\w+$/.test(name) ? name : `${name}.exe` };
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
