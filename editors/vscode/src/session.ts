// The server's life in this window: found, started, started again, ended.

import * as vscode from "vscode";
import { MessageType, State, type LanguageClient, type ShowMessageParams } from "vscode-languageclient/node";
import { makeClient, showMessage, type Listener } from "./client.ts";
import { chosenModel, forServer, SECTION } from "./configuration.ts";
import { setContext, Steps } from "./context.ts";
import { Backoff } from "./core/backoff.ts";
import { modelOfStatus } from "./core/daemons.ts";
import type { Server } from "./core/discovery.ts";
import { needsRestart } from "./core/serverSettings.ts";
import type { GhostText } from "./ghostText.ts";
import { install } from "./installation.ts";
import { findOnThisMachine } from "./machine.ts";
import { output } from "./programs.ts";
import { PROPOSE } from "./proposals.ts";
import type { StatusBar } from "./statusBar.ts";

/** How old the model's figures may get while suggestions are accepted. */
const FIGURES_MS = 30_000;

export class Session implements vscode.Disposable {
  readonly #extension: vscode.Extension<unknown>;
  readonly #status: StatusBar;
  readonly #ghostText: GhostText;
  readonly steps = new Steps();
  readonly #backoff = new Backoff();
  readonly #listener: Listener;
  readonly channel = vscode.window.createOutputChannel("Fimbria", { log: true });
  readonly #changed = new vscode.EventEmitter<undefined>();
  /** Another server runs, or with other settings, or its model has been loaded. */
  readonly onDidChange = this.#changed.event;
  #client: LanguageClient | undefined;
  #server: Server | undefined;
  #settingsAtStart: Record<string, unknown> = {};
  #figuresReadAt = 0;
  #changing: Promise<void> = Promise.resolve();

  constructor(extension: vscode.Extension<unknown>, status: StatusBar, ghostText: GhostText) {
    this.#extension = extension;
    this.#status = status;
    this.#ghostText = ghostText;
    this.#listener = this.#makeListener();
  }

  get server(): Server | undefined {
    return this.#server;
  }

  get client(): LanguageClient | undefined {
    return this.#client?.isRunning() === true ? this.#client : undefined;
  }

  /** Finds and starts the server, in place of the one that runs. Calls are done one by one. */
  async restart(): Promise<void> {
    this.#backoff.reset();
    this.#changing = this.#changing.then(async () => {
      await this.#stop();
      await this.#start();
    });
    await this.#changing;
  }

  /** Takes changed settings to the server; starts another one where it has to be. */
  async configure(event: vscode.ConfigurationChangeEvent): Promise<void> {
    if (!event.affectsConfiguration(SECTION)) return;
    const settings = forServer(this.#extension);
    const isElsewhere = event.affectsConfiguration(`${SECTION}.server`);
    if (isElsewhere || needsRestart(this.#settingsAtStart, settings)) {
      await this.restart();
      return;
    }
    await this.client?.sendNotification("workspace/didChangeConfiguration", {
      settings: { [SECTION]: settings },
    });
    this.#changed.fire(undefined);
  }

  /** Reads the model's name, device and reuse from the daemon. */
  async readFigures(): Promise<void> {
    if (this.#server === undefined) return;
    this.#figuresReadAt = Date.now();
    const text = await output(this.#server, "status", "--json");
    const model = modelOfStatus(text, chosenModel());
    this.#status.update({ model });
    if (model !== undefined) this.steps.complete("modelLoaded");
  }

  dispose(): void {
    void this.#client?.dispose();
    this.#changed.dispose();
    this.channel.dispose();
  }

  async #stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    setContext("isRunning", false);
    try {
      await client?.dispose();
    } catch (error) {
      this.channel.warn(`While stopping the server: ${String(error)}`);
    }
  }

  async #start(): Promise<void> {
    this.#status.update({ server: "searching", failure: undefined, loading: undefined });
    this.#server = findOnThisMachine();
    if (this.#server === undefined) {
      this.#status.update({ server: "missing" });
      void this.#offerInstallation();
      return;
    }
    const { command, args, origin } = this.#server;
    this.channel.info(`Server: ${[command, ...args].join(" ")} (${origin})`);
    this.#status.update({ server: "starting" });
    const client = makeClient(this.#server, this.channel, this.#listener);
    this.#client = client;
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) void this.#whenReady(client);
    });
    try {
      await client.start();
    } catch (error) {
      this.#failed(`the server cannot be started: ${String(error)}`);
    }
  }

  /** The client calls itself running before it has registered what it provides. */
  async #whenReady(client: LanguageClient): Promise<void> {
    try {
      await client.start();
    } catch {
      return; // whoever has started it is told
    }
    if (this.#client === client) this.#running();
  }

  #running(): void {
    this.#backoff.started(Date.now());
    this.#status.update({ server: "running", failure: undefined });
    this.#ghostText.showSilence();
    this.#ghostText.catchUp();
    setContext("isRunning", true);
    this.steps.complete("serverFound");
    this.#changed.fire(undefined);
    void this.readFigures();
  }

  #failed(why: string): void {
    setContext("isRunning", false);
    this.#status.update({ server: "ended", failure: why, loading: undefined });
    const message: ShowMessageParams = { type: MessageType.Error, message: `Fimbria: ${why}` };
    void this.#showWithActions(message, ["Restart", "Show Log", "Check the Installation"]);
  }

  #makeListener(): Listener {
    return {
      provideGhostText: this.#ghostText.provide,
      settings: () => {
        this.#settingsAtStart = forServer(this.#extension);
        return this.#settingsAtStart;
      },
      ended: () => this.#ended(),
      progressed: (message, percentage) => {
        this.#status.update({ loading: { message, percentage }, failure: undefined });
      },
      progressEnded: () => {
        this.#status.update({ loading: undefined });
        this.#changed.fire(undefined);
        void this.readFigures();
      },
      told: (message) => {
        void this.#told(message);
      },
      propose: (edit) => {
        void vscode.commands.executeCommand(PROPOSE, edit);
      },
      accepted: () => {
        this.steps.complete("suggestionAccepted");
        if (Date.now() - this.#figuresReadAt > FIGURES_MS) void this.readFigures();
      },
    };
  }

  async #ended(): Promise<boolean> {
    setContext("isRunning", false);
    const delay = this.#backoff.ended(Date.now());
    if (delay === undefined) {
      this.#failed("the server ends as soon as it is started");
      return false;
    }
    this.channel.warn(`The server has ended; it is started again in ${delay} ms`);
    this.#status.update({ server: "restarting", loading: undefined });
    await new Promise((resolve) => setTimeout(resolve, delay));
    return true;
  }

  async #told(message: ShowMessageParams): Promise<void> {
    const isError = message.type === MessageType.Error;
    if (isError) this.#status.update({ failure: message.message.replace(/^Fimbria: /, "") });
    await this.#showWithActions(message, isError ? ["Show Log", "Check the Installation"] : []);
  }

  async #showWithActions(message: ShowMessageParams, actions: string[]): Promise<void> {
    const commands: Record<string, string> = {
      Restart: "fimbria.restart",
      "Show Log": "fimbria.showLog",
      "Check the Installation": "fimbria.doctor",
    };
    const chosen = await showMessage(message, actions);
    const command = chosen === undefined ? undefined : commands[chosen];
    if (command !== undefined) await vscode.commands.executeCommand(command);
  }

  async #offerInstallation(): Promise<void> {
    const choice = await vscode.window.showInformationMessage(
      "Fimbria's server was not found: neither in the workspace's virtual environment, nor on " +
        "PATH, nor among the tools of pipx and uv.",
      "Install…",
      "Set Its Path",
      "Look Again",
    );
    if (choice === "Install…" && (await install())) await this.restart();
    if (choice === "Look Again") await this.restart();
    if (choice === "Set Its Path") {
      await vscode.commands.executeCommand("workbench.action.openSettings", "fimbria.server");
    }
  }
}
