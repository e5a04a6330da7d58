// The server's settings as it is sent them: only what the user has set, so that the user's
// config.toml decides the rest.

/** What VS Code knows of one setting. */
export interface Inspected {
  readonly globalValue?: unknown;
  readonly workspaceValue?: unknown;
  readonly workspaceFolderValue?: unknown;
}

/** Settings of this extension, which the server does not know. */
const OWN = new Set(["enabled", "languages", "server", "trace", "install"]);

/** Returns the values that are set, by name, from the names that package.json contributes. */
export function settingsToSend(
  contributed: Iterable<string>,
  inspect: (name: string) => Inspected | undefined,
): Record<string, unknown> {
  const sent: Record<string, unknown> = {};
  for (const name of contributed) {
    const [head] = name.split(".");
    if (head === undefined || OWN.has(head)) continue;
    const found = inspect(name);
    const value = found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
    if (value !== undefined && !(name === "logFile" && value === "")) sent[name] = value;
  }
  return sent;
}

/** Returns the settings as the environment of Fimbria's commands; lists and tables are left out. */
export function asEnvironment(settings: Readonly<Record<string, unknown>>): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (!["string", "number", "boolean"].includes(typeof value)) continue;
    const words = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    variables[`FIMBRIA_${words}`] = String(value);
  }
  return variables;
}

export type Scope = "workspace" | "user";

/** Returns where a setting is to be changed so that the change holds. */
export function scopeToChange(inspected: Inspected | undefined): Scope {
  return inspected?.workspaceValue === undefined ? "user" : "workspace";
}

/**
 * Whether a running server can take the new settings. One that was set when it started and is no
 * longer cannot be taken back from it: what it started with lies below all that comes later.
 */
export function needsRestart(
  atStart: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): boolean {
  return Object.keys(atStart).some((name) => !(name in now));
}
