// The chat view: a page on one side, the chat and what it refers to on the other.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { FromView, ToView } from "../core/chatMessages.ts";
import type { Kept } from "../core/transcript.ts";
import { Chat } from "./answering.ts";
import { useCode } from "./codeBlocks.ts";
import { page } from "./html.ts";
import type { Proposals } from "../proposals.ts";
import { openReference, References } from "./references.ts";

export const VIEW = "fimbria.chatView";

interface Status {
  readonly isAvailable: boolean;
  readonly whyNot: string;
}

interface Listed {
  readonly conversation: string;
  readonly title: string;
  readonly updated: number;
}

export class ChatView implements vscode.WebviewViewProvider, vscode.Disposable {
  readonly #extension: vscode.Uri;
  readonly #client: () => LanguageClient | undefined;
  readonly #chat = new Chat();
  readonly #references = new References();
  readonly #proposals: Proposals;
  readonly #listeners: vscode.Disposable;
  #view: vscode.WebviewView | undefined;

  constructor(
    extension: vscode.Uri,
    proposals: Proposals,
    client: () => LanguageClient | undefined,
  ) {
    this.#proposals = proposals;
    this.#extension = extension;
    this.#client = client;
    this.#listeners = vscode.Disposable.from(
      vscode.window.registerWebviewViewProvider(VIEW, this),
      this.#chat.onDidChange((transcript) => {
        this.#post({ kind: "transcript", transcript });
      }),
      this.#chat.onDidGrow((text) => {
        this.#post({ kind: "text", text });
      }),
      this.#references.onDidChange(() => {
        this.#postReferences();
      }),
    );
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#view = view;
    view.webview.options = {
      enableScripts: true,
      localResourceRoots: ["media", "dist"].map((folder) =>
        vscode.Uri.joinPath(this.#extension, folder),
      ),
    };
    view.webview.onDidReceiveMessage((message: FromView) => this.#receive(message));
    view.onDidChangeVisibility(() => this.#postAvailability());
    view.onDidDispose(() => {
      this.#view = undefined;
    });
    view.webview.html = page(view.webview, this.#extension);
  }

  /** Brings the view to the front, ready to type in. */
  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.#post({ kind: "focus" });
  }

  async newChat(): Promise<void> {
    this.#chat.show();
    await this.focus();
  }

  /** Asks which of the kept conversations to go on with. */
  async history(): Promise<void> {
    const client = this.#client();
    if (client === undefined) return;
    const kept = await client.sendRequest<Listed[]>("fimbria/chat/list", { limit: 100 });
    const items = kept.map(({ conversation, title, updated }) => ({
      label: title,
      description: new Date(1000 * updated).toLocaleString(),
      conversation,
    }));
    const chosen = await vscode.window.showQuickPick(items, { title: "Go on with a conversation" });
    if (chosen === undefined) return;
    const { conversation } = chosen;
    this.#chat.show(await client.sendRequest<Kept>("fimbria/chat/get", { conversation }));
    await this.focus();
  }

  /** To be called when the server has started, or has other settings. */
  async serverChanged(): Promise<void> {
    await this.#postAvailability();
  }

  dispose(): void {
    this.#listeners.dispose();
    this.#chat.dispose();
    this.#references.dispose();
  }

  async #receive(message: FromView): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.#post({ kind: "transcript", transcript: this.#chat.transcript });
        this.#postReferences();
        return this.#postAvailability();
      case "ask":
        return this.#ask(message.question);
      case "stop":
        this.#chat.stop();
        return;
      case "removeReference":
        this.#references.remove(message.reference);
        return;
      case "openReference":
        return openReference(message.reference);
      case "copy":
      case "insert":
      case "apply":
        return useCode(this.#client(), this.#proposals, message);
      default:
        return this.#runCommand(message.kind);
    }
  }

  async #runCommand(
    kind: "newChat" | "history" | "addReference" | "openSettings",
  ): Promise<void> {
    if (kind === "newChat") await this.newChat();
    if (kind === "history") await this.history();
    if (kind === "addReference") await this.#references.add();
    if (kind === "openSettings") {
      await vscode.commands.executeCommand("workbench.action.openSettings", "fimbria.chat");
    }
  }

  async #ask(question: string): Promise<void> {
    const client = this.#client();
    if (client === undefined) {
      void this.#postAvailability();
      return;
    }
    const references = this.#references.current();
    this.#references.clear();
    await this.#chat.ask(client, question, references);
    await this.#postAvailability();
  }

  async #postAvailability(): Promise<void> {
    if (this.#view === undefined) return;
    this.#post({ kind: "availability", ...(await this.#status()) });
  }

  async #status(): Promise<Status> {
    const client = this.#client();
    if (client === undefined) {
      return { isAvailable: false, whyNot: "Fimbria's server does not run." };
    }
    try {
      return await client.sendRequest<Status>("fimbria/chat/status", {});
    } catch {
      return { isAvailable: false, whyNot: "This version of Fimbria's server does not chat." };
    }
  }

  #postReferences(): void {
    this.#post({ kind: "references", references: this.#references.current() });
  }

  #post(message: ToView): void {
    void this.#view?.webview.postMessage(message);
  }
}
