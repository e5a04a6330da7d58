// The chat view: a page on one side, the chat and what it refers to on the other.

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { setContext } from "../context.ts";
import {
  fromFailure,
  fromStatus,
  withoutServer,
  type Availability,
  type Status,
} from "../core/availability.ts";
import { readFromView, type ToView } from "../core/chatMessages.ts";
import { asMarkdown, type Transcript } from "../core/transcript.ts";
import { Chat } from "./answering.ts";
import { useCode } from "./codeBlocks.ts";
import * as conversations from "./conversations.ts";
import { page } from "./html.ts";
import { findOnThisMachine } from "../machine.ts";
import type { Proposals } from "../proposals.ts";
import { openReference, References } from "./references.ts";
import * as remedies from "./remedies.ts";

const VIEW = "fimbria.chatView";

/** What asks the server. */
type Ask = (client: LanguageClient) => Promise<unknown>;

export class ChatView implements vscode.WebviewViewProvider, vscode.Disposable {
  readonly #extension: vscode.Uri;
  readonly #client: () => LanguageClient | undefined;
  readonly #chat = new Chat();
  readonly #references = new References();
  readonly #proposals: Proposals;
  readonly #listeners: vscode.Disposable;
  #view: vscode.WebviewView | undefined;
  /** The page listens; VS Code throws it away while the view is hidden. */
  #isListening = false;
  #isFocusWanted = false;
  #numStatusAsked = 0;

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
        this.#show(transcript);
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
    this.#isListening = false;
    view.webview.options = {
      enableScripts: true,
      localResourceRoots: ["media", "dist"].map((folder) =>
        vscode.Uri.joinPath(this.#extension, folder),
      ),
    };
    view.webview.onDidReceiveMessage((message: unknown) => this.#receive(message));
    view.onDidChangeVisibility(() => {
      if (!view.visible) this.#isListening = false;
      return this.#postAvailability();
    });
    view.onDidDispose(() => {
      this.#view = undefined;
    });
    view.webview.html = page(view.webview, this.#extension);
  }

  /** Brings the view to the front, ready to type in. */
  async focus(): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    this.#isFocusWanted = true;
    if (this.#isListening) this.#postFocus();
  }

  /** What the palette and the view's title bar offer, by the commands' names. */
  commands(): Record<string, () => Promise<void>> {
    return {
      chat: () => this.focus(),
      newChat: async () => {
        this.#chat.show();
        await this.focus();
      },
      chatHistory: () =>
        this.#withServer(async (client) => {
          if (await conversations.choose(client, this.#chat)) await this.focus();
        }),
      askAgain: () => this.#withServer((client) => this.#chat.askAgain(client)),
      renameChat: () => this.#withConversation(conversations.rename, "Rename which conversation?"),
      deleteChat: () => this.#withConversation(conversations.remove, "Delete which conversation?"),
      exportChat: () => this.#export(),
    };
  }

  /** To be called when the server has started, or has other settings. */
  async serverChanged(): Promise<void> {
    this.#chat.serverChanged(this.#client());
    await this.#postAvailability();
  }

  dispose(): void {
    this.#listeners.dispose();
    this.#chat.dispose();
    this.#references.dispose();
  }

  async #receive(said: unknown): Promise<void> {
    const message = readFromView(said);
    if (message === undefined) return;
    switch (message.kind) {
      case "ask":
        return this.#ask(message.question);
      case "askInstead":
        return this.#withServer((client) =>
          this.#chat.askInstead(client, message.turn, message.question),
        );
      case "removeReference":
        this.#references.remove(message.reference);
        return;
      case "openReference":
        return openReference(message.reference);
      case "remedy":
        return remedies.apply(message.remedy);
      case "copyAnswer":
        return this.#copyAnswer(message.turn);
      case "copy":
      case "insert":
      case "apply":
        return useCode(this.#client(), this.#proposals, message);
      default:
        return this.#do(message.kind);
    }
  }

  async #do(wish: "ready" | "stop" | "askAgain" | "addReference"): Promise<void> {
    switch (wish) {
      case "ready":
        this.#isListening = true;
        this.#show(this.#chat.transcript);
        this.#postReferences();
        if (this.#isFocusWanted) this.#postFocus();
        return this.#postAvailability();
      case "stop":
        this.#chat.stop();
        return;
      case "askAgain":
        return this.#withServer((client) => this.#chat.askAgain(client));
      case "addReference":
        return this.#references.add();
    }
  }

  async #ask(question: string): Promise<void> {
    await this.#withServer(async (client) => {
      const references = this.#references.toSend();
      this.#references.clear();
      await this.#chat.ask(client, question, references);
    });
  }

  async #withServer(ask: Ask): Promise<void> {
    const client = this.#client();
    if (client !== undefined) await ask(client);
    else if (!this.#isListening) await this.focus(); // it says why not
    await this.#postAvailability();
  }

  /** Changes the conversation that is shown; where there is none, the user chooses one. */
  async #withConversation(change: conversations.Change, title: string): Promise<void> {
    await this.#withServer(async (client) => {
      const shown = this.#chat.transcript;
      const { conversation } = shown;
      const named =
        conversation === undefined
          ? await conversations.chooseFor(client, title)
          : { conversation, title: shown.title };
      if (named !== undefined) await change(client, this.#chat, named);
    });
  }

  async #copyAnswer(turn: number): Promise<void> {
    const answer = this.#chat.transcript.turns[turn]?.answer;
    if (answer !== undefined) await vscode.env.clipboard.writeText(answer);
  }

  async #export(): Promise<void> {
    const content = asMarkdown(this.#chat.transcript);
    const document = await vscode.workspace.openTextDocument({ language: "markdown", content });
    await vscode.window.showTextDocument(document);
  }

  #show(transcript: Transcript): void {
    setContext("hasConversation", transcript.turns.length > 0);
    if (this.#view !== undefined) this.#view.title = transcript.title || "Chat";
    this.#post({ kind: "transcript", transcript });
  }

  async #postAvailability(): Promise<void> {
    if (this.#view === undefined) return;
    this.#numStatusAsked += 1;
    const number = this.#numStatusAsked;
    const availability = await this.#availability();
    if (number === this.#numStatusAsked) this.#post({ kind: "availability", ...availability });
  }

  async #availability(): Promise<Availability> {
    const client = this.#client();
    if (client === undefined) return withoutServer(findOnThisMachine);
    try {
      return fromStatus(await client.sendRequest<Status>("fimbria/chat/status", {}));
    } catch (error) {
      return fromFailure(error);
    }
  }

  #postFocus(): void {
    this.#isFocusWanted = false;
    this.#post({ kind: "focus" });
  }

  #postReferences(): void {
    this.#post({ kind: "references", references: this.#references.current() });
  }

  #post(message: ToView): void {
    void this.#view?.webview.postMessage(message);
  }
}
