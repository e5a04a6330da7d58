// What can be done with a code block of an answer.

import * as vscode from "vscode";
import { ResponseError, type LanguageClient } from "vscode-languageclient/node";
import { problemOf } from "../core/availability.ts";
import type { CodeWish } from "../core/chatMessages.ts";
import type { Proposals } from "../proposals.ts";

type ProtocolEdit = Parameters<LanguageClient["protocol2CodeConverter"]["asWorkspaceEdit"]>[0];

/** Does what the user wishes with a block; says why where that cannot be. */
export async function useCode(
  client: LanguageClient | undefined,
  proposals: Proposals,
  wish: CodeWish,
): Promise<void> {
  if (wish.kind === "copy") {
    await vscode.env.clipboard.writeText(wish.code);
    return;
  }
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || client === undefined) {
    void vscode.window.showInformationMessage("Open the file that the code is for, then try again.");
    return;
  }
  try {
    const edits = await editsFor(client, editor, wish);
    if (wish.kind === "apply") await proposals.show(editor.document, edits);
    else await insert(editor.document, edits);
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    void vscode.window.showWarningMessage(problemOf(error));
  }
}

async function insert(
  document: vscode.TextDocument,
  edits: readonly vscode.TextEdit[],
): Promise<void> {
  const edit = new vscode.WorkspaceEdit();
  edit.set(document.uri, [...edits]);
  await vscode.workspace.applyEdit(edit);
}

async function editsFor(
  client: LanguageClient,
  editor: vscode.TextEditor,
  { kind, code, language }: CodeWish,
): Promise<vscode.TextEdit[]> {
  const { document, selection } = editor;
  const converter = client.code2ProtocolConverter;
  const place =
    kind === "insert"
      ? { mode: "insert", position: converter.asPosition(selection.active) }
      : { mode: "diff", ...(selection.isEmpty ? {} : { range: converter.asRange(selection) }) };
  const answer = await client.sendRequest<{ edit: ProtocolEdit }>("fimbria/chat/applyBlock", {
    ...place,
    code,
    ...(language === "" ? {} : { language }),
    textDocument: { uri: converter.asUri(document.uri), version: document.version },
  });
  const edit = await client.protocol2CodeConverter.asWorkspaceEdit(answer.edit);
  return edit?.get(document.uri) ?? [];
}
