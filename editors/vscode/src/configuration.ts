// The settings, read anew each time.

import * as vscode from "vscode";
import type { Wanted } from "./core/enablement.ts";
import { settingsToSend } from "./core/serverSettings.ts";

export const SECTION = "fimbria";

export function serverCommand(): string[] {
  return configuration().get<string[]>("server.command", []);
}

export function requirement(): string {
  return configuration().get<string>("install.requirement", "fimbria");
}

export function chosenModel(): string {
  return configuration().get<string>("model", "");
}

export function languages(): Record<string, boolean> {
  return configuration().get<Record<string, boolean>>("languages", { "*": true });
}

export function wanted(document: vscode.TextDocument | undefined, snoozedUntil: number): Wanted {
  return {
    isEnabled: configuration().get("enabled", true),
    languages: languages(),
    isInlineSuggestEnabled: vscode.workspace
      .getConfiguration("editor", document)
      .get("inlineSuggest.enabled", true),
    snoozedUntil,
  };
}

/** What the server is sent: the contributed settings that the user has set. */
export function forServer(extension: vscode.Extension<unknown>): Record<string, unknown> {
  const ours = configuration();
  return settingsToSend(contributedNames(extension), (name) => ours.inspect(name));
}

export async function setEnabled(value: boolean): Promise<void> {
  await configuration().update("enabled", value, vscode.ConfigurationTarget.Global);
}

export async function setLanguages(value: Record<string, boolean>): Promise<void> {
  await configuration().update("languages", value, vscode.ConfigurationTarget.Global);
}

export async function setModel(value: string): Promise<void> {
  await configuration().update("model", value, vscode.ConfigurationTarget.Global);
}

function configuration(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration(SECTION);
}

interface Manifest {
  readonly contributes: {
    readonly configuration: readonly { readonly properties: Record<string, unknown> }[];
  };
}

function contributedNames(extension: vscode.Extension<unknown>): string[] {
  const { contributes } = extension.packageJSON as Manifest;
  return contributes.configuration
    .flatMap((section) => Object.keys(section.properties))
    .map((name) => name.slice(SECTION.length + 1));
}
