// Which edits of the server are shown as a diff first: those that want to be confirmed and change
// one document. VS Code's own preview of such edits begins with nothing chosen, so that applying it
// does nothing.

/** An edit of one document, as the protocol has it. */
export interface Proposable {
  readonly uri: string;
  /** Of the document that the edit is for, if it says. */
  readonly version: number | undefined;
  /** Protocol text edits. */
  readonly edits: readonly unknown[];
}

type Json = Readonly<Record<string, unknown>>;

/** Takes a protocol WorkspaceEdit; undefined if it is to go the usual way. */
export function proposable(edit: unknown): Proposable | undefined {
  if (!isObject(edit) || !Array.isArray(edit.documentChanges)) return undefined;
  const [change, ...others] = edit.documentChanges as unknown[];
  if (others.length > 0 || !isObject(change) || !isObject(change.textDocument)) return undefined;
  const { uri, version } = change.textDocument;
  if (typeof uri !== "string" || !Array.isArray(change.edits)) return undefined;
  if (!wantsConfirmation(edit.changeAnnotations)) return undefined;
  return { uri, version: typeof version === "number" ? version : undefined, edits: change.edits };
}

function wantsConfirmation(annotations: unknown): boolean {
  if (!isObject(annotations)) return false;
  return Object.values(annotations).some((one) => isObject(one) && one.needsConfirmation === true);
}

/** What a resolved code action becomes: its edit is shown by `command` instead of being made. */
export function withProposal(action: unknown, command: string): unknown {
  if (!isObject(action)) return action;
  const { edit, ...rest } = action;
  const found = proposable(edit);
  if (found === undefined || action.command !== undefined) return action;
  return { ...rest, command: { title: String(action.title), command, arguments: [found] } };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
