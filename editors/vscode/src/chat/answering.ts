// One chat: asks the server, takes its answer as it grows.

import * as vscode from "vscode";
import { ProgressType, type LanguageClient } from "vscode-languageclient/node";
import { HAS_ENDED, problemOf } from "../core/availability.ts";
import * as transcripts from "../core/transcript.ts";
import type { Answered, Kept, Progress, Reference, Transcript } from "../core/transcript.ts";

const CHAT_PROGRESS = new ProgressType<Progress>();

export class Chat implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<Transcript>();
  readonly #grown = new vscode.EventEmitter<string>();
  /** Anything but the growing answer's text. */
  readonly onDidChange = this.#changed.event;
  readonly onDidGrow = this.#grown.event;
  #transcript: Transcript = transcripts.EMPTY;
  #running: vscode.CancellationTokenSource | undefined;
  /** Who answers, or has answered last. */
  #client: LanguageClient | undefined;
  /** The one that was stopped last, as long as nothing else has happened. */
  #stopped: (transcripts.Stopped & { readonly by: vscode.CancellationTokenSource }) | undefined;
  #numAsked = 0;

  get transcript(): Transcript {
    return this.#transcript;
  }

  /** Asks, and waits for the whole answer. What goes wrong is part of the transcript. */
  async ask(
    client: LanguageClient,
    message: string,
    references: readonly Reference[],
  ): Promise<void> {
    this.stop();
    await this.#answer(client, transcripts.asked(this.#transcript, message, references));
  }

  /** Asks in the place of an earlier question, with the references of that, as `ask` does. */
  async askInstead(client: LanguageClient, turn: number, message: string): Promise<void> {
    this.stop();
    const asked = transcripts.askedInstead(this.#transcript, turn, message);
    if (asked !== this.#transcript) await this.#answer(client, asked);
  }

  /** Asks the last question again. */
  async askAgain(client: LanguageClient): Promise<void> {
    this.stop();
    const { turns } = this.#transcript;
    const last = turns.at(-1);
    if (last !== undefined) await this.askInstead(client, turns.length - 1, last.question);
  }

  /** Ends the answer that is being made; what there is of it stays. */
  stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.cancel();
    this.#stopped = { ...transcripts.stopped(this.#transcript), by: running };
    this.#set(this.#stopped.shown);
  }

  /** Begins a new chat, or goes on with a kept one. */
  show(kept?: Kept): void {
    this.stop();
    this.#set(kept === undefined ? transcripts.EMPTY : transcripts.restored(kept));
  }

  /** There is another server, or none; its last words in a chat are of no use. */
  serverChanged(client: LanguageClient | undefined): void {
    if (this.#running === undefined || client === this.#client) return;
    this.#running = undefined;
    this.#set(transcripts.ended(this.#transcript, "failed", HAS_ENDED));
  }

  /** A conversation has another name now. */
  renamed(conversation: string, title: string): void {
    if (this.#transcript.conversation === conversation) this.#set({ ...this.#transcript, title });
  }

  dispose(): void {
    this.#running?.cancel();
    this.#changed.dispose();
    this.#grown.dispose();
  }

  /** Has the last question of a transcript answered. */
  async #answer(client: LanguageClient, asked: Transcript): Promise<void> {
    const running = new vscode.CancellationTokenSource();
    this.#running = running;
    this.#client = client;
    this.#set(asked);
    const partialResultToken = `fimbria-chat-${this.#number()}`;
    const listener = client.onProgress(CHAT_PROGRESS, partialResultToken, (progress) => {
      if (this.#running === running) this.#progressed(progress);
      else this.#progressedLate(running, progress);
    });
    try {
      const params = { ...transcripts.lastQuestion(asked), partialResultToken };
      const answer = await client.sendRequest<Answered>("fimbria/chat", params, running.token);
      if (this.#running === running) this.#set(transcripts.answered(this.#transcript, answer));
    } catch (error) {
      if (this.#running === running) this.#failed(error);
    } finally {
      if (this.#running === running) this.#running = undefined;
      listener.dispose();
      running.dispose();
    }
  }

  #progressed(progress: Progress): void {
    this.#transcript = transcripts.progressed(this.#transcript, progress);
    if (progress.kind === "text") this.#grown.fire(progress.text);
    else this.#changed.fire(this.#transcript);
  }

  #progressedLate(by: vscode.CancellationTokenSource, progress: Progress): void {
    const stopped = this.#stopped;
    if (stopped?.by !== by || this.#transcript !== stopped.shown) return;
    this.#stopped = { ...transcripts.stoppedLater(stopped, progress), by };
    this.#set(this.#stopped.shown);
  }

  #failed(error: unknown): void {
    this.#set(transcripts.ended(this.#transcript, "failed", problemOf(error)));
  }

  #set(transcript: Transcript): void {
    if (transcript === this.#transcript) return;
    this.#transcript = transcript;
    this.#changed.fire(transcript);
  }

  #number(): number {
    this.#numAsked += 1;
    return this.#numAsked;
  }
}
