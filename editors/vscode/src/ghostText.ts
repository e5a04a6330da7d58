// Ghost text: the language client asks, this decides whether, and keeps what comes late.

import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { wanted } from "./configuration.ts";
import { reasonForSilence } from "./core/enablement.ts";
import { isSamePosition, LateAnswers, type Patience, type Place } from "./core/lateAnswers.ts";
import type { Latencies } from "./core/latencies.ts";
import type { Snooze } from "./snooze.ts";
import type { StatusBar } from "./statusBar.ts";

type Answer = vscode.InlineCompletionItem[] | vscode.InlineCompletionList;
type Provide = NonNullable<Middleware["provideInlineCompletionItems"]>;
type Next = Parameters<Provide>[4];

const AUTOMATIC = vscode.InlineCompletionTriggerKind.Automatic;

export class GhostText implements vscode.Disposable {
  readonly #status: StatusBar;
  readonly #snooze: Snooze;
  readonly #latencies: Latencies;
  readonly #late = new LateAnswers<Answer>({ cursor, show }, isEmpty);
  /** The version of a document that the editor could ask nobody about: there was no server. */
  #unasked: { uri: string; version: number } | undefined;
  /** Where the editor is made to ask for what it could not ask before. */
  #caughtUp: Place | undefined;
  readonly #listeners: vscode.Disposable;

  constructor(status: StatusBar, snooze: Snooze, latencies: Latencies) {
    this.#status = status;
    this.#snooze = snooze;
    this.#latencies = latencies;
    const moved = (): void => {
      this.#late.moved();
    };
    this.#listeners = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        moved();
        if (contentChanges.length > 0) this.#note(document);
      }),
      vscode.window.onDidChangeTextEditorSelection(moved),
      vscode.window.onDidChangeActiveTextEditor(() => {
        moved();
        this.showSilence();
      }),
      vscode.workspace.onDidChangeConfiguration(() => {
        this.showSilence();
      }),
      snooze.onDidChange(() => {
        this.showSilence();
      }),
    );
  }

  /** The language client's middleware. An explicit wish is granted in silence, too. */
  readonly provide: Provide = async (document, position, context, token, next) => {
    const place = placeOf(document, position, context.selectedCompletionInfo?.text ?? "");
    const asked = this.#isCatchingUp(place) ? { ...context, triggerKind: AUTOMATIC } : context;
    this.#unasked = undefined;
    this.#caughtUp = undefined;
    const isExplicit = asked.triggerKind !== AUTOMATIC;
    if (!isExplicit && this.#silence(document) !== undefined) return null;
    return this.#late.provide(place, isExplicit, patienceOf(token), (signal) =>
      this.#status.during(this.#ask(next, document, position, asked, signal)),
    );
  };

  /**
   * To be called when a server has become ready. Before, the editor had nobody to ask, and it asks
   * only while somebody types: here it is made to, if nothing has changed since.
   */
  catchUp(): void {
    const place = cursor();
    const unasked = this.#unasked;
    if (place === undefined || unasked?.uri !== place.uri) return;
    if (unasked.version !== place.version) return;
    if (this.#silence(vscode.window.activeTextEditor?.document) !== undefined) return;
    this.#caughtUp = place;
    show();
  }

  /** Brings the status bar up to date with what is switched off. */
  showSilence(): void {
    const silence = this.#silence(vscode.window.activeTextEditor?.document);
    this.#status.update({ silence });
    if (silence !== undefined) this.#late.drop();
  }

  dispose(): void {
    this.#late.drop();
    this.#listeners.dispose();
  }

  #note(document: vscode.TextDocument): void {
    if (document !== vscode.window.activeTextEditor?.document) return;
    this.#unasked = { uri: document.uri.toString(), version: document.version };
  }

  #isCatchingUp(place: Place): boolean {
    return this.#caughtUp !== undefined && isSamePosition(place, this.#caughtUp);
  }

  #silence(document: vscode.TextDocument | undefined): string | undefined {
    const wishes = wanted(document, this.#snooze.until);
    return reasonForSilence(wishes, document?.languageId, Date.now());
  }

  async #ask(
    next: Next,
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    signal: AbortSignal,
  ): Promise<Answer | null> {
    const source = new vscode.CancellationTokenSource();
    signal.addEventListener("abort", () => {
      source.cancel();
    });
    const asked = performance.now();
    try {
      const answer = (await next(document, position, context, source.token)) ?? null;
      if (!signal.aborted) this.#answered(performance.now() - asked, answer);
      return answer;
    } finally {
      source.dispose();
    }
  }

  #answered(milliseconds: number, answer: Answer | null): void {
    this.#latencies.add(milliseconds);
    const works = answer !== null && !isEmpty(answer);
    const latency = this.#latencies.summary();
    this.#status.update(works ? { latency, failure: undefined } : { latency });
  }
}

function placeOf(
  document: vscode.TextDocument,
  position: vscode.Position,
  selected: string,
): Place {
  const { line, character } = position;
  return { uri: document.uri.toString(), version: document.version, line, character, selected };
}

function cursor(): Place | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor?.selection.isEmpty !== true) return undefined;
  return placeOf(editor.document, editor.selection.active, "");
}

function show(): void {
  void vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
}

function isEmpty(answer: Answer): boolean {
  return (Array.isArray(answer) ? answer : answer.items).length === 0;
}

function patienceOf(token: vscode.CancellationToken): Patience {
  return {
    get isOver() {
      return token.isCancellationRequested;
    },
    whenOver: (call) => {
      token.onCancellationRequested(call);
    },
  };
}
