// Ghost text: the language client asks, this decides whether, and keeps what comes late.

import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { wanted } from "./configuration.ts";
import { CatchingUp } from "./core/catchingUp.ts";
import { reasonForSilence } from "./core/enablement.ts";
import { Foresight } from "./core/foresight.ts";
import { LateAnswers, type Patience, type Place } from "./core/lateAnswers.ts";
import type { Latencies } from "./core/latencies.ts";
import type { Snooze } from "./snooze.ts";
import type { StatusBar } from "./statusBar.ts";

type Answer = vscode.InlineCompletionItem[] | vscode.InlineCompletionList;
type Provide = NonNullable<Middleware["provideInlineCompletionItems"]>;
export type Next = Parameters<Provide>[4];

const AUTOMATIC = vscode.InlineCompletionTriggerKind.Automatic;

export class GhostText implements vscode.Disposable {
  readonly #status: StatusBar;
  readonly #snooze: Snooze;
  readonly #latencies: Latencies;
  readonly #late = new LateAnswers<Answer>({ cursor, show }, isEmpty);
  readonly #catchingUp = new CatchingUp();
  readonly #foresight = new Foresight();
  readonly #server: () => Next | undefined;
  /** What was last said of silence, and of which document. */
  #said: { uri: string | undefined; silence: string | undefined } | undefined;
  readonly #listeners: vscode.Disposable;

  /** `server` asks the server, if there is one. */
  constructor(
    status: StatusBar,
    snooze: Snooze,
    latencies: Latencies,
    server: () => Next | undefined,
  ) {
    this.#server = server;
    this.#status = status;
    this.#snooze = snooze;
    this.#latencies = latencies;
    const moved = (): void => {
      this.#late.moved();
      this.#catchingUp.moved(cursor());
    };
    this.#listeners = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument((event) => {
        this.#late.moved();
        this.#note(event);
      }),
      vscode.window.onDidChangeTextEditorSelection(() => {
        moved();
        this.#askAhead();
      }),
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
    const isOurs = this.#catchingUp.takes(place);
    const asked = isOurs ? { ...context, triggerKind: AUTOMATIC } : context;
    const isExplicit = asked.triggerKind !== AUTOMATIC;
    this.#foresight.asks(place, isExplicit);
    if (!isExplicit && this.#silence(document) !== undefined) return null;
    return this.#late.provide(place, isExplicit, patienceOf(token), (signal) =>
      this.#status.during(this.#ask(next, document, position, asked, signal)),
    );
  };

  /**
   * To be called when there is somebody to ask: a server is ready, or ghost text wanted again. The
   * editor asks only while somebody types: here it is made to, if nothing has changed since.
   * Returns whether it is.
   */
  catchUp(): boolean {
    if (this.#silence(vscode.window.activeTextEditor?.document) !== undefined) return false;
    if (!this.#catchingUp.begin(cursor())) return false;
    this.#late.drop(); // what a server that has ended was asked is never answered
    void this.#showCaughtUp();
    return true;
  }

  /**
   * Brings the status bar up to date with what is switched off. What is drawn goes when silence
   * begins, and comes back when it ends.
   */
  showSilence(): void {
    const document = vscode.window.activeTextEditor?.document;
    const [uri, silence] = [document?.uri.toString(), this.#silence(document)];
    const before = this.#said;
    this.#said = { uri, silence };
    this.#status.update({ silence });
    if (silence !== undefined) this.#late.drop();
    if (before === undefined || before.uri !== uri) return;
    if (before.silence === undefined && silence !== undefined) hide();
    if (before.silence !== undefined && silence === undefined) {
      this.#catchingUp.again();
      this.catchUp();
    }
  }

  dispose(): void {
    this.#late.drop();
    this.#listeners.dispose();
  }

  async #showCaughtUp(): Promise<void> {
    try {
      await show();
    } finally {
      this.#catchingUp.end();
    }
  }

  #note({ document, contentChanges, reason }: vscode.TextDocumentChangeEvent): void {
    if (contentChanges.length === 0) return; // it was saved
    if (document !== vscode.window.activeTextEditor?.document) return;
    const isTyped = reason === undefined; // else undone, which VS Code does not ask after
    const changes = contentChanges.map(({ range, text }) => ({ start: range.start, text }));
    const [uri, typed] = [document.uri.toString(), isTyped ? changes : []];
    this.#catchingUp.changed(uri, document.version, typed);
    this.#foresight.changed(uri, document.version, typed);
  }

  /** Asks at once what VS Code will ask 50 ms after the key, for which the answer is there then. */
  #askAhead(): void {
    const [editor, place, next] = [vscode.window.activeTextEditor, cursor(), this.#server()];
    if (editor === undefined || place === undefined || next === undefined) return;
    if (!this.#foresight.expects(place)) return;
    const { document, selection } = editor;
    if (this.#silence(document) !== undefined) return;
    const context = { triggerKind: AUTOMATIC, selectedCompletionInfo: undefined };
    this.#late.ahead(place, (signal) =>
      this.#status.during(this.#ask(next, document, selection.active, context, signal)),
    );
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
      if (answer !== null) this.#catchingUp.answered(placeOf(document, position, ""));
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

function show(): Thenable<unknown> {
  return vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
}

function hide(): void {
  void vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
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
