// Context keys for `when` clauses and the walkthrough's steps, all below `fimbria.`.

import * as vscode from "vscode";

export type ContextKey = "isRunning" | "isSnoozed" | "hasConversation";
export type Step = "serverFound" | "modelLoaded" | "suggestionAccepted";

export function setContext(key: ContextKey | Step, value: boolean): void {
  void vscode.commands.executeCommand("setContext", `fimbria.${key}`, value);
}

/**
 * What of the walkthrough the user has done in this window. VS Code never ticks a step whose key
 * was set before it had read the walkthrough, so the keys are set once that is open.
 */
export class Steps {
  readonly #done = new Set<Step>();
  #isOpen = false;

  complete(step: Step): void {
    this.#done.add(step);
    if (this.#isOpen) setContext(step, true);
  }

  /** To be called when the walkthrough has been opened. */
  opened(): void {
    this.#isOpen = true;
    for (const step of this.#done) setContext(step, true);
  }
}
