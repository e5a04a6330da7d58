// Which edits of the server are shown as a diff first: those that want to be confirmed and change
// one document, or make one. VS Code's own preview of such edits begins with nothing chosen, so
// that applying it does nothing.

/** An edit of one document, as the protocol has it. */
export interface Proposable {
  readonly uri: string;
  /** Of the document that the edit is for, if it says. */
  readonly version: number | undefined;
  /** Protocol text edits. */
  readonly edits: readonly unknown[];
  /** There is no such file yet. */
  readonly isNew: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** Takes a protocol WorkspaceEdit; undefined if it is to go the usual way. */
export function proposable(edit: unknown): Proposable | undefined {
  if (!isObject(edit) || !Array.isArray(edit.documentChanges)) return undefined;
  if (!wantsConfirmation(edit.changeAnnotations)) return undefined;
  const [first, ...rest] = edit.documentChanges as unknown[];
  if (!isCreation(first)) return changeOfOne([first, ...rest], false);
  const found = changeOfOne(rest, true);
  return found?.uri === first.uri ? found : undefined;
}

function changeOfOne(changes: readonly unknown[], isNew: boolean): Proposable | undefined {
  const [change] = changes;
  if (changes.length !== 1 || !isObject(change) || !isObject(change.textDocument)) return undefined;
  const { uri, version } = change.textDocument;
  const { edits } = change;
  if (typeof uri !== "string" || !Array.isArray(edits)) return undefined;
  return { uri, version: typeof version === "number" ? version : undefined, edits, isNew };
}

function isCreation(change: unknown): change is Json {
  return isObject(change) && change.kind === "create";
}

function wantsConfirmation(annotations: unknown): boolean {
  if (!isObject(annotations)) return false;
  return Object.values(annotations).some((one) => isObject(one) && one.needsConfirmation === true);
}

/**
 * What a resolved code action becomes: its edit is shown by `command` instead of being made. The
 * server's own command after an edit would show the file, and has nothing to do then.
 */
export function withProposal(action: unknown, command: string): unknown {
  if (!isObject(action)) return action;
  const { edit, ...rest } = action;
  const found = proposable(edit);
  if (found === undefined || !isOnlyShowing(action.command)) return action;
  return { ...rest, command: { title: String(action.title), command, arguments: [found] } };
}

function isOnlyShowing(command: unknown): boolean {
  if (command === undefined || command === null) return true;
  return isObject(command) && command.command === "fimbria.apply";
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
