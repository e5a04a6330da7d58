// Edits that are shown beside the file before they are made: a diff editor with Apply and Discard.

import * as vscode from "vscode";
import type { Proposable } from "./core/proposable.ts";

const SCHEME = "fimbria-proposal";
/** The command that shows an edit; its argument is a Proposable. */
export const PROPOSE = "fimbria.proposeEdit";

const OUT_OF_DATE = "Fimbria: The file has changed since this was asked for. Ask again.";

interface Proposal {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly edits: readonly vscode.TextEdit[];
}

/** Takes protocol text edits to VS Code's. */
type Convert = (edits: readonly unknown[]) => Promise<readonly vscode.TextEdit[]>;

export class Proposals implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #proposals = new Map<string, Proposal>();
  readonly #listeners: vscode.Disposable;
  readonly #convert: Convert;
  #numProposed = 0;

  constructor(convert: Convert) {
    this.#convert = convert;
    this.#listeners = vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        this.#proposals.delete(uri.toString());
      }),
      vscode.commands.registerCommand(PROPOSE, (edit: Proposable) => this.propose(edit)),
      vscode.commands.registerCommand("fimbria.applyProposal", () => this.#apply()),
      vscode.commands.registerCommand("fimbria.discardProposal", () => this.#close()),
    );
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const proposal = this.#proposals.get(uri.toString());
    return proposal === undefined ? "" : edited(proposal.document, proposal.edits);
  }

  /** Shows an edit of the server's. */
  async propose({ uri, version, edits }: Proposable): Promise<void> {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
    if (version !== undefined && version !== document.version) {
      void vscode.window.showWarningMessage(OUT_OF_DATE);
      return;
    }
    await this.show(document, await this.#convert(edits));
  }

  /** Shows what a document would become. */
  async show(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): Promise<void> {
    this.#numProposed += 1;
    const query = String(this.#numProposed);
    const uri = document.uri.with({ scheme: SCHEME, authority: "", query });
    this.#proposals.set(uri.toString(), { document, version: document.version, edits });
    const title = `${vscode.workspace.asRelativePath(document.uri)} (proposed by Fimbria)`;
    await vscode.commands.executeCommand("vscode.diff", document.uri, uri, title);
  }

  dispose(): void {
    this.#listeners.dispose();
  }

  async #apply(): Promise<void> {
    const proposal = this.#proposals.get(shownProposal()?.toString() ?? "");
    if (proposal === undefined) return;
    const { document, version, edits } = proposal;
    if (document.isClosed || document.version !== version) {
      void vscode.window.showWarningMessage(OUT_OF_DATE);
      return;
    }
    await this.#close();
    const edit = new vscode.WorkspaceEdit();
    edit.set(document.uri, [...edits]);
    await vscode.workspace.applyEdit(edit);
    await vscode.window.showTextDocument(document);
  }

  async #close(): Promise<void> {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    if (tab === undefined || proposalOf(tab) === undefined) return;
    await vscode.window.tabGroups.close(tab);
  }
}

function shownProposal(): vscode.Uri | undefined {
  const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
  return tab === undefined ? undefined : proposalOf(tab);
}

function proposalOf({ input }: vscode.Tab): vscode.Uri | undefined {
  const isOurs = input instanceof vscode.TabInputTextDiff && input.modified.scheme === SCHEME;
  return isOurs ? input.modified : undefined;
}

function edited(document: vscode.TextDocument, edits: readonly vscode.TextEdit[]): string {
  const fromTheEnd = [...edits].sort((one, other) => other.range.start.compareTo(one.range.start));
  let text = document.getText();
  for (const { range, newText } of fromTheEnd) {
    const [start, end] = [document.offsetAt(range.start), document.offsetAt(range.end)];
    text = text.slice(0, start) + newText + text.slice(end);
  }
  return text;
}
