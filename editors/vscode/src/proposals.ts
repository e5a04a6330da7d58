// Edits that are shown beside the file before they are made: a diff editor with Apply and Discard.

import * as vscode from "vscode";
import type { Proposable } from "./core/proposable.ts";
import { rebased, withChanges, type TextChange } from "./core/rebase.ts";

const SCHEME = "fimbria-proposal";
/** The command that shows an edit; its argument is a Proposable. */
export const PROPOSE = "fimbria.proposeEdit";

const ASK_AGAIN = "Fimbria: The file was changed while this was being written. Ask again.";
const NO_PLACE =
  "Fimbria: The lines that this would change have been changed themselves, so nothing was done. " +
  "Undo that, or ask again; in a chat, choose Apply as Diff once more.";
const EXISTS = "Fimbria: There is such a file by now, so nothing was done. Ask again.";

/** A change of a file, for what the file held then; a file that does not exist holds nothing. */
interface Proposal {
  readonly file: vscode.Uri;
  readonly base: string;
  readonly changes: readonly TextChange[];
  readonly isNew: boolean;
}

/** Takes protocol text edits to VS Code's. */
type Convert = (edits: readonly unknown[]) => Promise<readonly vscode.TextEdit[]>;

export class Proposals implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #proposals = new Map<string, Proposal>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #listeners: vscode.Disposable;
  readonly #convert: Convert;
  #numProposed = 0;

  constructor(convert: Convert) {
    this.#convert = convert;
    this.#listeners = vscode.Disposable.from(
      this.#changed,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        this.#showAgain(document.uri);
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        this.#proposals.delete(uri.toString());
      }),
      vscode.commands.registerCommand(PROPOSE, (edit: Proposable) => this.propose(edit)),
      vscode.commands.registerCommand("fimbria.applyProposal", () => this.#apply()),
      vscode.commands.registerCommand("fimbria.discardProposal", () => this.#close()),
    );
  }

  /** The file with the change; without it where it has no place there any more. */
  provideTextDocumentContent(uri: vscode.Uri): string {
    const proposal = this.#proposals.get(uri.toString());
    if (proposal === undefined) return ""; // what a new file is compared to
    const text = openText(proposal.file) ?? proposal.base;
    return withChanges(text, rebased(proposal.base, text, proposal.changes) ?? []);
  }

  /** Shows an edit of the server's. */
  async propose({ uri, version, edits, isNew }: Proposable): Promise<void> {
    const file = vscode.Uri.parse(uri);
    const converted = await this.#convert(edits);
    if (isNew) {
      const text = converted.map(({ newText }) => newText).join("");
      await this.#show({ file, base: "", changes: [{ start: 0, end: 0, newText: text }], isNew });
      return;
    }
    const document = await vscode.workspace.openTextDocument(file);
    if (version !== undefined && version !== document.version) {
      void vscode.window.showWarningMessage(ASK_AGAIN);
      return;
    }
    await this.show(document, converted);
  }

  /** Shows what a document would become. */
  async show(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): Promise<void> {
    const changes = edits.map(({ range, newText }) => ({
      start: document.offsetAt(range.start),
      end: document.offsetAt(range.end),
      newText,
    }));
    await this.#show({ file: document.uri, base: document.getText(), changes, isNew: false });
  }

  dispose(): void {
    this.#listeners.dispose();
  }

  async #show(proposal: Proposal): Promise<void> {
    this.#numProposed += 1;
    const query = String(this.#numProposed);
    const uri = proposal.file.with({ scheme: SCHEME, authority: "", query });
    this.#proposals.set(uri.toString(), proposal);
    const before = proposal.isNew ? uri.with({ query: `${query}-nothing` }) : proposal.file;
    const what = proposal.isNew ? "a new file, proposed by Fimbria" : "proposed by Fimbria";
    const title = `${vscode.workspace.asRelativePath(proposal.file)} (${what})`;
    await vscode.commands.executeCommand("vscode.diff", before, uri, title);
  }

  #showAgain(file: vscode.Uri): void {
    for (const [uri, proposal] of this.#proposals) {
      if (proposal.file.toString() === file.toString()) this.#changed.fire(vscode.Uri.parse(uri));
    }
  }

  async #apply(): Promise<void> {
    const uri = shownProposal();
    const proposal = this.#proposals.get(uri?.toString() ?? "");
    if (proposal === undefined) return;
    const problem = await (proposal.isNew ? create(proposal) : makeInSight(proposal));
    if (problem !== undefined) void vscode.window.showWarningMessage(problem);
    if (problem === undefined) await this.#close(uri);
    if (problem === undefined && proposal.isNew) await showFile(proposal.file);
  }

  async #close(uri = shownProposal()): Promise<void> {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const ours = tabs.filter((tab) => proposalOf(tab)?.toString() === uri?.toString());
    if (uri !== undefined) await vscode.window.tabGroups.close(ours);
  }
}

/**
 * Makes a change in an editor of the file: VS Code keeps the cursor with its text only where that
 * is shown. Returns why it cannot be done.
 */
async function makeInSight(proposal: Proposal): Promise<string | undefined> {
  const possible = await change(proposal);
  if (typeof possible === "string") return possible;
  const editor = await showFile(proposal.file);
  const edit = await change(proposal); // something may have been typed meanwhile
  if (typeof edit === "string") return edit;
  const problem = await make(edit);
  editor?.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  return problem;
}

async function create(proposal: Proposal): Promise<string | undefined> {
  const edit = await creation(proposal);
  return typeof edit === "string" ? edit : make(edit);
}

async function make(edit: vscode.WorkspaceEdit): Promise<string | undefined> {
  const isMade = await vscode.workspace.applyEdit(edit);
  return isMade ? undefined : "Fimbria: VS Code did not make the change.";
}

/**
 * Shows a file, where it is seen already if it is; a proposal that is shown keeps its tab. There is
 * no editor to return where VS Code has none for texts, as for a cell of a notebook.
 */
async function showFile(file: vscode.Uri): Promise<vscode.TextEditor | undefined> {
  const document = await vscode.workspace.openTextDocument(file);
  const editors = vscode.window.visibleTextEditors;
  const shown = editors.find((editor) => editor.document === document && editor.viewColumn);
  const viewColumn = shown?.viewColumn ?? vscode.ViewColumn.Active;
  try {
    return await vscode.window.showTextDocument(document, { viewColumn, preview: false });
  } catch {
    return undefined; // it is changed unseen
  }
}

/** Returns what a proposal does now, or why it cannot be done. */
async function change({ file, base, changes }: Proposal): Promise<vscode.WorkspaceEdit | string> {
  const document = await vscode.workspace.openTextDocument(file);
  const now = rebased(base, document.getText(), changes);
  if (now === undefined) return NO_PLACE;
  const edit = new vscode.WorkspaceEdit();
  const edits = now.map(({ start, end, newText }) => {
    const range = new vscode.Range(document.positionAt(start), document.positionAt(end));
    return vscode.TextEdit.replace(range, newText);
  });
  edit.set(file, edits);
  return edit;
}

async function creation({ file, changes }: Proposal): Promise<vscode.WorkspaceEdit | string> {
  if (await exists(file)) return EXISTS;
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(file, { contents: new TextEncoder().encode(withChanges("", changes)) });
  return edit;
}

async function exists(file: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(file);
    return true;
  } catch {
    return false;
  }
}

function openText(file: vscode.Uri): string | undefined {
  const documents = vscode.workspace.textDocuments;
  return documents.find(({ uri }) => uri.toString() === file.toString())?.getText();
}

function shownProposal(): vscode.Uri | undefined {
  const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
  return tab === undefined ? undefined : proposalOf(tab);
}

function proposalOf({ input }: vscode.Tab): vscode.Uri | undefined {
  const isOurs = input instanceof vscode.TabInputTextDiff && input.modified.scheme === SCHEME;
  return isOurs ? input.modified : undefined;
}
