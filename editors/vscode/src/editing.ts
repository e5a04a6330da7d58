// Edit with instruction: a sentence of the user's, for the selection or the code at the cursor.

import * as vscode from "vscode";
import type { LanguageClient, StaticFeature } from "vscode-languageclient/node";

const SERVER_COMMAND = "fimbria.editWithInstruction";

/** What is to be edited; the server's actions come with it. */
export interface Target {
  readonly uri: string;
  readonly version: number;
  readonly range: unknown;
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
  const what = target ?? here(client);
  if (client === undefined || what === undefined) return;
  const instruction = await vscode.window.showInputBox({
    title: "Edit with instruction",
    prompt: "What to do with the selected code, or the code around the cursor",
    placeHolder: "such as: use pathlib instead of os.path",
  });
  if (instruction === undefined || instruction.trim() === "") return;
  await vscode.commands.executeCommand(SERVER_COMMAND, {
    ...what,
    instruction: instruction.trim(),
  });
}

function here(client: LanguageClient | undefined): Target | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || client === undefined) return undefined;
  const { uri, version } = editor.document;
  const converter = client.code2ProtocolConverter;
  return { uri: converter.asUri(uri), version, range: converter.asRange(editor.selection) };
}
