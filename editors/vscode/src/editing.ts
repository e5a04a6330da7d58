// Edit with instruction: a sentence of the user's, for the selection or the code at the cursor.

import * as vscode from "vscode";
import type { LanguageClient, StaticFeature } from "vscode-languageclient/node";
import { wordsFor, type Subject } from "./core/subject.ts";

const SERVER_COMMAND = "fimbria.editWithInstruction";
const ASK = "fimbria.askInstruction";
const KIND = "refactor.rewrite.instruction";
const AUTOMATIC = 2; // of a request for actions: the server need not say why it has none

/** What is to be edited; the server's actions come with it. */
export interface Target {
  readonly uri: string;
  readonly version: number;
  readonly range: unknown;
  readonly subject?: Subject;
}

interface Offered {
  readonly command?: { readonly command: string; readonly arguments?: readonly Target[] };
}

/** Tells the server that this client asks for instructions. */
export const ASKS_INSTRUCTION: StaticFeature = {
  fillClientCapabilities: (capabilities) => {
    const others = capabilities.experimental as Record<string, unknown> | undefined;
    capabilities.experimental = { ...others, fimbria: { askInstruction: true } };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

export async function editWithInstruction(
  client: LanguageClient | undefined,
  target: Target | undefined,
): Promise<void> {
  if (client === undefined) return;
  const what = target ?? (await here(client, vscode.window.activeTextEditor));
  if (what === undefined) return;
  const subject = wordsFor(what.subject) ?? "the selected code, or the code around the cursor";
  const instruction = await vscode.window.showInputBox({
    title: "Edit with instruction",
    prompt: `What to do with ${subject}`,
    placeHolder: "such as: use pathlib instead of os.path",
  });
  if (instruction === undefined || instruction.trim() === "") return;
  const { uri, version, range } = what;
  const argument = { uri, version, range, instruction: instruction.trim() };
  await vscode.commands.executeCommand(SERVER_COMMAND, argument);
}

/** The selection or the cursor, and what the server says that is about. */
async function here(
  client: LanguageClient,
  editor: vscode.TextEditor | undefined,
): Promise<Target | undefined> {
  if (editor === undefined) return undefined;
  const { document, selection } = editor;
  const converter = client.code2ProtocolConverter;
  const range = converter.asRange(selection);
  const plain = { uri: converter.asUri(document.uri), version: document.version, range };
  try {
    const offered = await client.sendRequest<Offered[] | null>("textDocument/codeAction", {
      textDocument: converter.asTextDocumentIdentifier(document),
      range,
      context: { diagnostics: [], only: [KIND], triggerKind: AUTOMATIC },
    });
    const asking = offered?.find(({ command }) => command?.command === ASK);
    return asking?.command?.arguments?.[0] ?? plain;
  } catch {
    return plain; // the server says what is wrong once it is told what to do
  }
}
