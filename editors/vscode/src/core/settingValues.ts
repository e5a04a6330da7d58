// Values of settings: VS Code hands on whatever a settings file says, of whatever type.

/** Returns a command with its arguments; throws what the user has to mend. */
export function commandOf(value: unknown): string[] {
  if (value === undefined || value === null || value === "") return [];
  if (typeof value === "string") return [value];
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new Error(
    'the setting fimbria.server.command has to be a list of texts, such as ["/opt/fimbria/bin/fimbria"]',
  );
}

/** Returns a table of languages, without what is neither true nor false. */
export function languagesOf(value: unknown): Record<string, boolean> {
  if (typeof value !== "object" || value === null) return {};
  const entries = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, boolean] => typeof entry[1] === "boolean"),
  );
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
