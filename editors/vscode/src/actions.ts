// What the server offers to do with the code at the cursor, in one list.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

interface Offered {
  readonly title: string;
  readonly data?: unknown;
  readonly command?: { readonly command: string; readonly arguments?: unknown[] };
}

/** Carries an action out; its argument is the action's data. */
const APPLY = "fimbria.apply";

export async function chooseAction(client: LanguageClient | undefined): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || client === undefined) return;
  const items = (await offered(client, editor)).map((action) => ({ label: action.title, action }));
  if (items.length === 0) {
    void vscode.window.showInformationMessage(
      "Fimbria has nothing to offer for this code. Most actions need a model that chats: see the " +
        "settings fimbria.chatModel and fimbria.chatEndpoint.",
    );
    return;
  }
  const chosen = await vscode.window.showQuickPick(items, { title: "What shall Fimbria do here?" });
  if (chosen === undefined) return;
  const { command, data } = chosen.action;
  if (command === undefined) await vscode.commands.executeCommand(APPLY, data);
  else await vscode.commands.executeCommand(command.command, ...(command.arguments ?? []));
}

async function offered(client: LanguageClient, editor: vscode.TextEditor): Promise<Offered[]> {
  const { document, selection } = editor;
  const converter = client.code2ProtocolConverter;
  const diagnostics = vscode.languages
    .getDiagnostics(document.uri)
    .filter(({ range }) => range.intersection(selection) !== undefined);
  const actions = await client.sendRequest<Offered[] | null>("textDocument/codeAction", {
    textDocument: converter.asTextDocumentIdentifier(document),
    range: converter.asRange(selection),
    context: { diagnostics: await converter.asDiagnostics(diagnostics), triggerKind: 1 },
  });
  return actions ?? [];
}
