// What to say where no server was found: where it was looked for, and what to do.

import * as vscode from "vscode";

const NEVER_AGAIN = "fimbria.neverOfferInstallation";

const COMMANDS: Readonly<Record<string, readonly [string, string?]>> = {
  "Install…": ["fimbria.install"],
  "Set Its Path": ["workbench.action.openSettings", "fimbria.server"],
  "Look Again": ["fimbria.restart"],
  "Manage Workspace Trust": ["workbench.trust.manage"],
};

/** Offers to install the server: one offer at a time, and none where the user wants no more. */
export class Offer {
  readonly #memory: vscode.Memento;
  #isOpen = false;

  constructor(memory: vscode.Memento) {
    this.#memory = memory;
  }

  async make(): Promise<void> {
    if (this.#isOpen || this.#memory.get(NEVER_AGAIN) === true) return;
    this.#isOpen = true;
    try {
      await this.#ask();
    } finally {
      this.#isOpen = false;
    }
  }

  async #ask(): Promise<void> {
    const { isTrusted } = vscode.workspace;
    const never = "Don't Ask Again";
    const trust = isTrusted ? [] : ["Manage Workspace Trust"];
    const choice = await vscode.window.showInformationMessage(
      whereItIsNot(isTrusted),
      ...[...trust, "Install…", "Set Its Path", "Look Again", never],
    );
    if (choice === never) await this.#memory.update(NEVER_AGAIN, true);
    const [command, argument] = COMMANDS[choice ?? ""] ?? [];
    if (command !== undefined) await vscode.commands.executeCommand(command, argument);
  }
}

function whereItIsNot(isTrusted: boolean): string {
  return isTrusted
    ? "Fimbria's server was not found: neither in the workspace's virtual environment, nor on " +
        "PATH, nor among the tools of pipx and uv."
    : "Fimbria's server was not found: neither on PATH, nor among the tools of pipx and uv. This " +
        "workspace is not trusted, so its own virtual environment was not looked into.";
}
