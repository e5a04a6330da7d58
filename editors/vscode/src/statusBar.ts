// The status bar item: facts come in from everywhere, what they look like is core/status.ts.

import * as vscode from "vscode";
import { NOTHING_KNOWN, shown, tooltipLines, type Facts, type Severity } from "./core/status.ts";

/** Answers that come sooner than this are not worth a spinner. */
const THINKING_AFTER_MS = 300;

const BACKGROUNDS: Readonly<Record<Severity, string | undefined>> = {
  none: undefined,
  warning: "statusBarItem.warningBackground",
  error: "statusBarItem.errorBackground",
};

export class StatusBar implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;
  #facts: Facts = NOTHING_KNOWN;
  #numRunning = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.#item = vscode.window.createStatusBarItem(
      "fimbria.status",
      vscode.StatusBarAlignment.Right,
      100,
    );
    this.#item.name = "Fimbria";
    this.#item.command = "fimbria.menu";
    this.#draw();
    this.#item.show();
  }

  get facts(): Facts {
    return this.#facts;
  }

  update(facts: Partial<Facts>): void {
    this.#facts = { ...this.#facts, ...facts };
    this.#draw();
  }

  /** Shows that an answer is being waited for, from a moment on until `work` is over. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    this.#numRunning += 1;
    this.#timer ??= setTimeout(() => {
      this.update({ isThinking: true });
    }, THINKING_AFTER_MS);
    try {
      return await work;
    } finally {
      this.#numRunning -= 1;
      if (this.#numRunning === 0) this.#rest();
    }
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#item.dispose();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#facts.isThinking) this.update({ isThinking: false });
  }

  #draw(): void {
    const { text, label, severity } = shown(this.#facts);
    this.#item.text = text;
    this.#item.accessibilityInformation = { label, role: "button" };
    const background = BACKGROUNDS[severity];
    this.#item.backgroundColor =
      background === undefined ? undefined : new vscode.ThemeColor(background);
    this.#item.tooltip = tooltip(this.#facts);
  }
}

function tooltip(facts: Facts): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  for (const line of tooltipLines(facts)) text.appendText(line).appendMarkdown("  \n");
  return text.appendMarkdown("\nClick for the menu.");
}
