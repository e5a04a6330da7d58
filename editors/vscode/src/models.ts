// Choosing a model: what is on this machine, or another by name.

import * as vscode from "vscode";
import { setModel } from "./configuration.ts";
import { modelsOfList, type KnownModel } from "./core/daemons.ts";
import type { Server } from "./core/discovery.ts";
import { output, runInTerminal, type Environment } from "./programs.ts";

interface Choice extends vscode.QuickPickItem {
  readonly act: () => Promise<void>;
}

/** `environment`: what is set here, so that the list knows which model is in use here. */
export async function chooseModel(server: Server, environment: Environment): Promise<void> {
  const listed = output(server, environment, "models", "list", "--json").then(modelsOfList);
  const choices = listed.then((models) => [...models.map(choice), ...others(server)]);
  const chosen = await vscode.window.showQuickPick<Choice>(choices, {
    title: "Choose the model for ghost text",
    matchOnDetail: true,
  });
  await chosen?.act();
}

function choice({ name, detail, isInUse }: KnownModel): Choice {
  return {
    label: name,
    description: isInUse ? "in use" : "",
    detail,
    act: () => setModel(name),
  };
}

function others(server: Server): Choice[] {
  return [
    { label: "", kind: vscode.QuickPickItemKind.Separator, act: () => Promise.resolve() },
    {
      label: "$(cloud-download) Download a model…",
      detail: "from the Hugging Face hub, with fimbria models pull",
      act: () => download(server),
    },
    { label: "$(folder) A folder with a checkpoint…", act: chooseFolder },
  ];
}

async function download(server: Server): Promise<void> {
  const name = await vscode.window.showInputBox({
    title: "Download a model",
    prompt: "OWNER/NAME on the Hugging Face hub",
    value: "codellama/CodeLlama-7b-hf",
    validateInput: (value) => (/^[\w.-]+\/[\w.-]+$/.test(value) ? undefined : "OWNER/NAME, please"),
  });
  if (name === undefined) return;
  const command = [server.command, ...server.args, "models", "pull", name] as const;
  if ((await runInTerminal(`Download ${name}`, command)) === 0) await setModel(name);
}

async function chooseFolder(): Promise<void> {
  const folders = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: "Use This Checkpoint",
  });
  const [folder] = folders ?? [];
  if (folder !== undefined) await setModel(folder.fsPath);
}
