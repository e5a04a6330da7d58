// The settings, read anew each time.

import * as vscode from "vscode";
import { withLanguageToggled, type Wanted } from "./core/enablement.ts";
import { scopeToChange, settingsToSend } from "./core/serverSettings.ts";
import { commandOf, languagesOf, textOf } from "./core/settingValues.ts";

export const SECTION = "fimbria";

/** Throws if the setting is no command. */
export function serverCommand(): string[] {
  return commandOf(configuration().get("server.command"));
}

export function requirement(): string {
  return textOf(configuration().get("install.requirement")) || "fimbria";
}

/** The model that is set here; empty where the user's config.toml or the environment decides. */
export function chosenModel(): string {
  return textOf(configuration().inspect("model")?.globalValue);
}

export function languages(): Record<string, boolean> {
  return languagesOf(configuration().get("languages"));
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

/** Switches ghost text over where it is set: a workspace's value would hide the user's. */
export async function toggleEnabled(): Promise<void> {
  const ours = configuration();
  const isInWorkspace = scopeToChange(ours.inspect("enabled")) === "workspace";
  await ours.update("enabled", !ours.get("enabled", true), target(isInWorkspace));
}

export async function toggleLanguage(languageId: string): Promise<void> {
  const ours = configuration();
  const found = ours.inspect("languages");
  const isInWorkspace = scopeToChange(found) === "workspace";
  const ofScope = languagesOf(isInWorkspace ? found?.workspaceValue : found?.globalValue);
  const value = withLanguageToggled(ofScope, languages(), languageId);
  await ours.update("languages", value, target(isInWorkspace));
}

function target(isInWorkspace: boolean): vscode.ConfigurationTarget {
  return isInWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
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
