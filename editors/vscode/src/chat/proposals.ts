// Edits that are shown beside the file before they are made: a diff editor with Apply and Discard.

import * as vscode from "vscode";

const SCHEME = "fimbria-proposal";

interface Proposal {
  readonly document: vscode.TextDocument;
  readonly version: number;
  readonly edits: readonly vscode.TextEdit[];
}

export class Proposals implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #proposals = new Map<string, Proposal>();
  readonly #listeners: vscode.Disposable;
  #numProposed = 0;

  constructor() {
    this.#listeners = vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        this.#proposals.delete(uri.toString());
      }),
      vscode.commands.registerCommand("fimbria.applyProposal", () => this.#apply()),
      vscode.commands.registerCommand("fimbria.discardProposal", () => this.#close()),
    );
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const proposal = this.#proposals.get(uri.toString());
    return proposal === undefined ? "" : edited(proposal.document, proposal.edits);
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
      void vscode.window.showWarningMessage(
        "The file has changed since this was proposed. Ask for it again from the chat.",
      );
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
