// Context keys for `when` clauses, all below `fimbria.`.

import * as vscode from "vscode";

export type ContextKey = "isRunning" | "isModelLoaded" | "isSnoozed" | "hasAccepted";

export function setContext(key: ContextKey, value: boolean): void {
  void vscode.commands.executeCommand("setContext", `fimbria.${key}`, value);
}
