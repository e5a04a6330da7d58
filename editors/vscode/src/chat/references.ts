// What a question comes with: the selection or the file in front, and what the user adds.

import * as vscode from "vscode";
import { earlierCode, label as cellsLabel } from "../core/cells.ts";
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

  /** All of them as the server is to have them: each cell of a notebook by itself. */
  toSend(): Reference[] {
    const front = inFront();
    return this.current().flatMap((reference) => {
      const cell = cellOf(reference.uri);
      const isWholeFront = reference.label === front?.label && reference.range === undefined;
      if (cell === undefined || !isWholeFront) return [reference];
      return [...earlierCells(cell), cell].map(referenceOf);
    });
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
  const cell = cellOf(uri.toString());
  const { start, end, isEmpty } = editor.selection;
  if (isEmpty) {
    const numEarlier = cell === undefined ? 0 : earlierCells(cell).length;
    return { label: nameOf(uri, cell, numEarlier), uri: uri.toString() };
  }
  const name = nameOf(uri, cell, 0);
  const range = { start: { ...plain(start) }, end: { ...plain(end) } };
  return { label: `${name}:${start.line + 1}–${end.line + 1}`, uri: uri.toString(), range };
}

/** The cell of an open notebook that has a text. */
function cellOf(uri: string): vscode.NotebookCell | undefined {
  return vscode.workspace.notebookDocuments
    .flatMap((notebook) => notebook.getCells())
    .find(({ document }) => document.uri.toString() === uri);
}

function nameOf(
  uri: vscode.Uri,
  cell: vscode.NotebookCell | undefined,
  numEarlier: number,
): string {
  if (cell === undefined) return vscode.workspace.asRelativePath(uri);
  const notebook = vscode.workspace.asRelativePath(cell.notebook.uri);
  return cellsLabel(notebook, cell.index + 1, numEarlier);
}

/** What the code of a cell builds on. */
function earlierCells(cell: vscode.NotebookCell): vscode.NotebookCell[] {
  return earlierCode(cell.notebook.getCells(), cell.index, (other) =>
    other.kind === vscode.NotebookCellKind.Code ? other.document.getText() : "",
  );
}

function referenceOf(cell: vscode.NotebookCell): Reference {
  const { uri } = cell.document;
  return { label: nameOf(uri, cell, 0), uri: uri.toString() };
}

function plain({ line, character }: vscode.Position): { line: number; character: number } {
  return { line, character };
}

/** Opens what a reference stands for; says so where it is gone. */
export async function openReference({ label, uri, range }: Reference): Promise<void> {
  const selection = range as { start: vscode.Position; end: vscode.Position } | undefined;
  try {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
    await vscode.window.showTextDocument(
      document,
      selection === undefined ? {} : { selection: rangeOf(selection.start, selection.end) },
    );
  } catch {
    void vscode.window.showWarningMessage(`${label} cannot be opened: it is gone, or is no text.`);
  }
}

function rangeOf(start: vscode.Position, end: vscode.Position): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}
