// Edit with instruction: a sentence of the user's, for the selection or the definition around the
// cursor.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

const SERVER_COMMAND = "fimbria.editWithInstruction";

export async function editWithInstruction(client: LanguageClient | undefined): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) return;
  const commands = client?.initializeResult?.capabilities.executeCommandProvider?.commands ?? [];
  if (client === undefined || !commands.includes(SERVER_COMMAND)) {
    void vscode.window.showInformationMessage("Fimbria's server cannot edit with instructions (yet).");
    return;
  }
  const instruction = await vscode.window.showInputBox({
    title: "Edit with instruction",
    prompt: editor.selection.isEmpty
      ? "What to do with the code around the cursor"
      : "What to do with the selected code",
    placeHolder: "such as: use pathlib instead of os.path",
  });
  if (instruction === undefined || instruction.trim() === "") return;
  await vscode.commands.executeCommand(
    SERVER_COMMAND,
    client.code2ProtocolConverter.asUri(editor.document.uri),
    client.code2ProtocolConverter.asRange(editor.selection),
    instruction.trim(),
  );
}
