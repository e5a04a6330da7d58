// The server's life in this window, and what of it the user is shown.

import { isDeepStrictEqual } from "node:util";
import * as vscode from "vscode";
import { MessageType, type ShowMessageParams } from "vscode-languageclient/node";
import { Client, showMessage, type Listener } from "./client.ts";
import { chosenModel, forServer, SECTION } from "./configuration.ts";
import { setContext, Steps } from "./context.ts";
import { modelOfStatus } from "./core/daemons.ts";
import type { Server } from "./core/discovery.ts";
import { Life, type Phase } from "./core/life.ts";
import { asEnvironment, needsRestart } from "./core/serverSettings.ts";
import type { GhostText } from "./ghostText.ts";
import { findOnThisMachine, modelOnThisMachine } from "./machine.ts";
import { offerInstallation } from "./offer.ts";
import { output, type Environment } from "./programs.ts";
import { PROPOSE } from "./proposals.ts";
import { openMachineSettings } from "./settingsPage.ts";
import type { StatusBar } from "./statusBar.ts";

/** How old the model's figures may get while suggestions are accepted. */
const FIGURES_MS = 30_000;

export class Session implements vscode.Disposable {
  readonly #extension: vscode.Extension<unknown>;
  readonly #memory: vscode.Memento;
  readonly #status: StatusBar;
  readonly #ghostText: GhostText;
  readonly steps = new Steps();
  readonly #listener: Listener;
  readonly #listening: vscode.Disposable;
  readonly channel = vscode.window.createOutputChannel("Fimbria", { log: true });
  readonly #changed = new vscode.EventEmitter<undefined>();
  /** A server runs or has ended, or has other settings, or its model has been loaded. */
  readonly onDidChange = this.#changed.event;
  readonly #life: Life<Server, Client>;
  #settingsAtStart: Record<string, unknown> = {};
  #settingsSent: Record<string, unknown> = {};
  #figuresReadAt = 0;

  constructor(context: vscode.ExtensionContext, status: StatusBar, ghostText: GhostText) {
    this.#extension = context.extension;
    this.#status = status;
    this.#ghostText = ghostText;
    this.#memory = context.globalState;
    this.#listener = this.#makeListener();
    this.#listening = vscode.window.onDidChangeActiveTextEditor(() => {
      void this.readReticence();
    });
    this.#life = new Life({
      find: findOnThisMachine,
      connect: (server, ended) => this.#connect(server, ended),
      now: Date.now,
      after: (delay, call) => {
        const timer = setTimeout(call, delay);
        return () => {
          clearTimeout(timer);
        };
      },
      entered: (phase) => {
        this.#entered(phase);
      },
    });
  }

  get server(): Server | undefined {
    return this.#life.server;
  }

  /** The client of a server that answers. */
  get client(): Client | undefined {
    return this.#life.connection;
  }

  /** What Fimbria's commands need to take the same settings as the server of this window. */
  get environment(): Environment {
    return asEnvironment(forServer(this.#extension));
  }

  /** Finds and starts the server, in place of the one that runs. */
  async restart(): Promise<void> {
    await this.#life.restart();
  }

  /** Starts another server if what is found is another than before. */
  async lookAgain(): Promise<void> {
    if (!isDeepStrictEqual(this.#found(), this.#life.server)) await this.restart();
  }

  /** Ends the server; resolves when that is done. */
  async stop(): Promise<void> {
    await this.#life.stop();
  }

  /** Takes changed settings to the server; starts another one where it has to be. */
  async configure(event: vscode.ConfigurationChangeEvent): Promise<void> {
    if (!event.affectsConfiguration(SECTION)) return;
    if (event.affectsConfiguration(`${SECTION}.server`)) {
      await this.restart();
      return;
    }
    await this.#sendSettings();
    this.#changed.fire(undefined);
  }

  /** Reads the model's name, device and reuse from the daemon. */
  async readFigures(): Promise<void> {
    if (this.server === undefined) return;
    this.#figuresReadAt = Date.now();
    const text = await output(this.server, this.environment, "status", "--json");
    const model = modelOfStatus(text, modelOnThisMachine(chosenModel()));
    this.#status.update({ model });
    await this.readReticence();
    if (model?.isLoaded === true) this.steps.complete("modelLoaded");
  }

  /** Asks the server why there is little ghost text in the document in front, or none. */
  async readReticence(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    let reticence: string | undefined;
    if (document !== undefined && this.client !== undefined) {
      const uri = this.client.code2ProtocolConverter.asUri(document.uri);
      const asked = this.client.sendRequest<{ reticence?: string | null }>("fimbria/status", { uri });
      const answer = await asked.catch(() => undefined); // a server that is older, or gone
      reticence = answer?.reticence ?? undefined;
    }
    if (document === vscode.window.activeTextEditor?.document) this.#status.update({ reticence });
  }

  dispose(): void {
    void this.stop();
    this.#listening.dispose();
    this.#changed.dispose();
    this.channel.dispose();
  }

  #connect(server: Server, ended: () => void): Client {
    const { command, args, origin } = server;
    this.channel.info(`Server: ${[command, ...args].join(" ")} (${origin})`);
    return new Client(server, this.channel, this.#listener, ended);
  }

  #found(): Server | undefined {
    try {
      return findOnThisMachine();
    } catch {
      return undefined; // a start tells why
    }
  }

  #entered(phase: Phase<Client>): void {
    setContext("isRunning", phase.name === "running");
    switch (phase.name) {
      case "stopped":
        this.#status.update({ server: "searching", failure: undefined, loading: undefined });
        break;
      case "missing":
        this.#status.update({ server: "missing", loading: undefined });
        void offerInstallation(this.#memory);
        break;
      case "starting":
        this.#status.update({ server: "starting", failure: undefined, loading: undefined });
        break;
      case "running":
        this.#running();
        break;
      case "waiting":
        this.channel.warn(`The server has ended; it is started again in ${phase.delay} ms`);
        this.#status.update({ server: "restarting", loading: undefined });
        break;
      case "failed":
        this.#failed(phase.why);
        break;
    }
    this.#changed.fire(undefined);
  }

  #running(): void {
    this.#status.update({ server: "running", failure: undefined });
    this.#ghostText.showSilence();
    this.#ghostText.catchUp();
    this.steps.complete("serverFound");
    void this.#sendSettings(); // they may have changed while it started
    void this.readFigures();
  }

  #failed(why: string): void {
    this.#status.update({ server: "ended", failure: why, loading: undefined });
    const message: ShowMessageParams = { type: MessageType.Error, message: `Fimbria: ${why}` };
    const isSet = this.server?.isSet ?? true; // only a setting keeps it from being looked for
    const setting = isSet ? ["Open the Setting"] : [];
    const actions = [...setting, "Restart", "Show Log", "Check the Installation"];
    void this.#showWithActions(message, actions);
  }

  async #sendSettings(): Promise<void> {
    const settings = forServer(this.#extension);
    if (this.client === undefined || isDeepStrictEqual(settings, this.#settingsSent)) return;
    if (needsRestart(this.#settingsAtStart, settings)) {
      await this.restart();
      return;
    }
    this.#settingsSent = settings;
    await this.client.sendNotification("workspace/didChangeConfiguration", {
      settings: { [SECTION]: settings },
    });
  }

  #makeListener(): Listener {
    return {
      provideGhostText: this.#ghostText.provide,
      settings: () => {
        this.#settingsAtStart = forServer(this.#extension);
        this.#settingsSent = this.#settingsAtStart;
        return this.#settingsAtStart;
      },
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
    if (chosen === "Open the Setting") await openMachineSettings("fimbria.server.command");
    const command = chosen === undefined ? undefined : commands[chosen];
    if (command !== undefined) await vscode.commands.executeCommand(command);
  }
}
