// The conversations that the server keeps: chosen, renamed, deleted.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { problemOf } from "../core/availability.ts";
import type { Kept } from "../core/transcript.ts";
import type { Chat } from "./answering.ts";

export interface Named {
  readonly conversation: string;
  readonly title: string;
}

interface Listed extends Named {
  /** In seconds since 1970. */
  readonly updated: number;
}

interface Item extends vscode.QuickPickItem {
  readonly listed: Listed;
}

interface Choice {
  readonly wish: "open" | "rename" | "delete";
  readonly listed: Listed;
}

export type Change = (client: LanguageClient, chat: Chat, named: Named) => Promise<void>;

const RENAME: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("edit"),
  tooltip: "Rename",
};
const DELETE: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("trash"),
  tooltip: "Delete",
};

/** Asks which conversation to go on with; returns whether one was chosen. */
export async function choose(client: LanguageClient, chat: Chat): Promise<boolean> {
  for (;;) {
    const kept = await request<Listed[]>(client, "list", { limit: 100 });
    if (kept === undefined) return false;
    const choice = await pick(kept);
    if (choice === undefined) return false;
    if (choice.wish === "open") return open(client, chat, choice.listed);
    const change = choice.wish === "rename" ? rename : remove;
    await change(client, chat, choice.listed);
  }
}

/** Asks for a conversation that something is to be done with. */
export async function chooseFor(client: LanguageClient, title: string): Promise<Named | undefined> {
  const kept = await request<Listed[]>(client, "list", { limit: 100 });
  if (kept === undefined) return undefined;
  const choice = await vscode.window.showQuickPick(kept.map(itemOf), { title });
  return choice?.listed;
}

async function open(client: LanguageClient, chat: Chat, { conversation }: Named): Promise<boolean> {
  const kept = await request<Kept>(client, "get", { conversation });
  if (kept !== undefined) chat.show(kept);
  return kept !== undefined;
}

/** Asks for another name. */
export async function rename(
  client: LanguageClient,
  chat: Chat,
  { conversation, title: before }: Named,
): Promise<void> {
  const wish = await vscode.window.showInputBox({
    title: "Rename the conversation",
    value: before,
    validateInput: (value) => (value.trim() === "" ? "A name, please" : undefined),
  });
  if (wish === undefined) return;
  const title = wish.trim();
  const done = await request<null>(client, "rename", { conversation, title });
  if (done !== undefined) chat.renamed(conversation, title);
}

/** Deletes a conversation if the user says so once more. */
export async function remove(
  client: LanguageClient,
  chat: Chat,
  { conversation, title }: Named,
): Promise<void> {
  const question = `Delete the conversation “${title}”?`;
  const detail = "What was said in it cannot be brought back.";
  const options = { modal: true, detail };
  const answer = await vscode.window.showWarningMessage(question, options, "Delete");
  if (answer !== "Delete") return;
  const done = await request<null>(client, "delete", { conversation });
  if (done !== undefined && chat.transcript.conversation === conversation) chat.show();
}

function pick(kept: readonly Listed[]): Promise<Choice | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = "Conversations";
  picker.placeholder =
    kept.length === 0 ? "There are none yet" : "Choose the one to go on with";
  picker.matchOnDescription = true;
  picker.items = kept.map((listed) => ({ ...itemOf(listed), buttons: [RENAME, DELETE] }));
  return new Promise((resolve) => {
    const settle = (wish: Choice["wish"], item: Item | undefined): void => {
      if (item !== undefined) resolve({ wish, listed: item.listed });
      picker.hide();
    };
    picker.onDidAccept(() => {
      settle("open", picker.selectedItems[0]);
    });
    picker.onDidTriggerItemButton(({ button, item }) => {
      settle(button === RENAME ? "rename" : "delete", item);
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}

function itemOf(listed: Listed): Item {
  const description = new Date(1000 * listed.updated).toLocaleString();
  return { label: listed.title, description, listed };
}

/** The result of a request below `fimbria/chat/`; says why where there is none. */
async function request<Result>(
  client: LanguageClient,
  method: string,
  params: object,
): Promise<Result | undefined> {
  try {
    return await client.sendRequest<Result>(`fimbria/chat/${method}`, params);
  } catch (error) {
    void vscode.window.showWarningMessage(`Fimbria: ${problemOf(error)}`);
    return undefined;
  }
}
