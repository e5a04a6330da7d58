// Silence for a while.

import * as vscode from "vscode";
import { setContext } from "./context.ts";

const MINUTES = [5, 15, 60, 240];

export class Snooze implements vscode.Disposable {
  #until = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChange = this.#changed.event;

  /** When it ends, in milliseconds since 1970; 0 if there is none. */
  get until(): number {
    return this.#until;
  }

  /** Asks for how long, and begins. */
  async ask(): Promise<void> {
    const items = MINUTES.map((minutes) => ({ label: durationLabel(minutes), minutes }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: "Snooze ghost text for how long?",
    });
    if (chosen !== undefined) this.begin(chosen.minutes);
  }

  begin(minutes: number): void {
    clearTimeout(this.#timer);
    this.#until = Date.now() + 60_000 * minutes;
    this.#timer = setTimeout(() => {
      this.end();
    }, 60_000 * minutes);
    this.#announce();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#until = 0;
    this.#announce();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#changed.dispose();
  }

  #announce(): void {
    setContext("isSnoozed", this.#until !== 0);
    this.#changed.fire(undefined);
  }
}

function durationLabel(minutes: number): string {
  if (minutes < 60) return `${minutes} minutes`;
  return minutes === 60 ? "1 hour" : `${minutes / 60} hours`;
}
