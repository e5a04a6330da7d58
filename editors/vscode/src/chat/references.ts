// What a question comes with: the selection or the file in front, and what the user adds.

import * as vscode from "vscode";
import type { Reference } from "../core/transcript.ts";

const SCHEMES = new Set(["file", "untitled", "vscode-notebook-cell"]);

export class References implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChange = this.#changed.event;
  readonly #listeners: vscode.Disposable;
  #added: Reference[] = [];
  /** Label of what is in front and not wanted. */
  #unwanted = "";

  constructor() {
    const announce = (): void => {
      this.#changed.fire(undefined);
    };
    this.#listeners = vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor(announce),
      vscode.window.onDidChangeTextEditorSelection(announce),
    );
  }

  /** All of them now, each once. */
  current(): Reference[] {
    const front = inFront();
    const isWanted = front !== undefined && front.label !== this.#unwanted;
    const added = this.#added.filter(({ label }) => label !== front?.label);
    return isWanted ? [front, ...added] : added;
  }

  remove(reference: Reference): void {
    this.#added = this.#added.filter(({ label }) => label !== reference.label);
    this.#unwanted = reference.label;
    this.#changed.fire(undefined);
  }

  /** Asks for one of the files that are open. */
  async add(): Promise<void> {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const items = tabs.flatMap(({ label, input }) =>
      input instanceof vscode.TabInputText && SCHEMES.has(input.uri.scheme)
        ? [{ label, description: vscode.workspace.asRelativePath(input.uri), uri: input.uri }]
        : [],
    );
    const title = "Which open file shall the question come with?";
    const chosen = await vscode.window.showQuickPick(items, { title });
    if (chosen === undefined) return;
    this.#unwanted = "";
    this.#added.push({ label: chosen.description, uri: chosen.uri.toString() });
    this.#changed.fire(undefined);
  }

  /** After a question: what was added came with it. */
  clear(): void {
    this.#added = [];
    this.#unwanted = "";
    this.#changed.fire(undefined);
  }

  dispose(): void {
    this.#listeners.dispose();
    this.#changed.dispose();
  }
}

function inFront(): Reference | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || !SCHEMES.has(editor.document.uri.scheme)) return undefined;
  const { uri } = editor.document;
  const name = vscode.workspace.asRelativePath(uri);
  const { start, end, isEmpty } = editor.selection;
  if (isEmpty) return { label: name, uri: uri.toString() };
  const range = { start: { ...plain(start) }, end: { ...plain(end) } };
  return { label: `${name}:${start.line + 1}–${end.line + 1}`, uri: uri.toString(), range };
}

function plain({ line, character }: vscode.Position): { line: number; character: number } {
  return { line, character };
}

/** Opens what a reference stands for. */
export async function openReference({ uri, range }: Reference): Promise<void> {
  const selection = range as { start: vscode.Position; end: vscode.Position } | undefined;
  const options =
    selection === undefined
      ? {}
      : {
          selection: new vscode.Range(
            selection.start.line,
            selection.start.character,
            selection.end.line,
            selection.end.character,
          ),
        };
  await vscode.window.showTextDocument(vscode.Uri.parse(uri), options);
}
