// The language client: `fimbria lsp` on standard input and output.

import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import * as vscode from "vscode";
import {
  CancellationToken,
  CloseAction,
  ErrorAction,
  InlineCompletionRequest,
  LanguageClient,
  MessageType,
  ShowMessageNotification,
  type DocumentSelector,
  type LanguageClientOptions,
  type MessageTransports,
  type Middleware,
  type ShowMessageParams,
  type StdioOptions,
} from "vscode-languageclient/node";
import type { Server } from "./core/discovery.ts";
import { whyItDoesNotRun, type End } from "./core/lastWords.ts";
import type { Connection } from "./core/life.ts";
import { proposable, withProposal, type Proposable } from "./core/proposable.ts";
import type { Next } from "./ghostText.ts";
import { ASKS_INSTRUCTION } from "./editing.ts";
import { programOf } from "./machine.ts";
import { surroundings } from "./programs.ts";
import { PROPOSE } from "./proposals.ts";

/** Files, unsaved texts and cells of notebooks, in every language. */
const DOCUMENTS: DocumentSelector = ["file", "untitled", "vscode-notebook-cell"].map((scheme) => ({
  scheme,
}));

/** How long a server that is gone may take to end, and its standard error to be closed. */
const LAST_WORDS_MS = 500;

/** What happens while the client runs. */
export interface Listener {
  readonly provideGhostText: NonNullable<Middleware["provideInlineCompletionItems"]>;
  settings(): Record<string, unknown>;
  progressed(message: string, percentage: number): void;
  progressEnded(): void;
  told(message: ShowMessageParams): void;
  accepted(): void;
  propose(edit: Proposable): void;
}

/** A language client that says nothing by itself: what goes wrong is logged, and told once. */
export class Client extends LanguageClient implements Connection {
  readonly #stderr: StandardError;
  readonly #server: Server;
  #end: Promise<End> | undefined;

  /** `ended` is called when the connection is gone and nobody has asked for that. */
  constructor(
    server: Server,
    channel: vscode.LogOutputChannel,
    listener: Listener,
    ended: () => void,
  ) {
    const stderr = new StandardError();
    const run = {
      command: server.command,
      args: [...server.args, "lsp"],
      options: { cwd: surroundings().cwd, env: { ...process.env, ...surroundings().env } },
    };
    const options = { ...clientOptions(channel, listener, ended), stdioOptions: stderr.options };
    super("fimbria", "Fimbria", run, options);
    this.#stderr = stderr;
    this.#server = server;
    this.registerFeature(ASKS_INSTRUCTION);
    this.onNotification(ShowMessageNotification.type, (message) => {
      listener.told(message);
    });
  }

  async end(): Promise<void> {
    const { serverProcess } = this;
    try {
      await this.dispose();
    } catch (error) {
      // It was starting, or does not react: its process is ended after two seconds by force.
      this.debug("The server did not end by itself", error, false);
      serverProcess?.stdout?.destroy();
    }
  }

  /** Asks for ghost text as VS Code does by way of the client, without the listener in between. */
  readonly ghostText: Next = async (document, position, context, token) => {
    const { type } = InlineCompletionRequest;
    const params = this.code2ProtocolConverter.asInlineCompletionParams(
      document,
      position,
      context,
    );
    try {
      const answer = await this.sendRequest(type, params, token);
      if (token.isCancellationRequested) return null;
      return await this.protocol2CodeConverter.asInlineCompletionResult(answer, token);
    } catch (error) {
      return this.handleFailedRequest(type, token, error, null);
    }
  };

  async lastWords(): Promise<string> {
    const words = await this.#stderr.last();
    if (words !== "") return words;
    const end = await withinPatience(this.#end);
    return whyItDoesNotRun(this.#server, programOf(this.#server), end);
  }

  /** The base class forgets the process when the connection is gone: its end is heard of later. */
  protected override async createMessageTransports(encoding: string): Promise<MessageTransports> {
    const transports = await super.createMessageTransports(encoding);
    if (this.serverProcess !== undefined) this.#end = endOf(this.serverProcess);
    return transports;
  }

  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown): void {
    super.warn(message, data, false);
  }

  override info(message: string, data?: unknown): void {
    super.info(message, data, false);
  }
}

async function endOf(process: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    process.once("exit", (status, signal) => {
      resolve({ status, signal });
    });
  });
}

/** Returns undefined where it takes too long. */
async function withinPatience<Result>(
  work: Promise<Result> | undefined,
): Promise<Result | undefined> {
  const patience = new Promise<undefined>((resolve) => {
    setTimeout(resolve, LAST_WORDS_MS, undefined);
  });
  return Promise.race([work, patience]);
}

/** What the server writes to standard error: into the log, and its last line kept. */
class StandardError {
  #last = "";
  #reading: Promise<void> = Promise.resolve();

  readonly options: Required<StdioOptions> = {
    stdout: () => undefined, // it carries the protocol
    stderr: (input, channel) => {
      const lines = createInterface({ input, crlfDelay: Infinity });
      lines.on("line", (line) => {
        channel.error(line);
        this.#last = line.trim() || this.#last;
      });
      this.#reading = new Promise((resolve) => lines.once("close", resolve));
    },
  };

  async last(): Promise<string> {
    await withinPatience(this.#reading); // another process may have it open, too
    return this.#last;
  }
}

function clientOptions(
  outputChannel: vscode.LogOutputChannel,
  listener: Listener,
  ended: () => void,
): LanguageClientOptions {
  return {
    documentSelector: DOCUMENTS,
    outputChannel,
    initializationOptions: (): unknown => ({ fimbria: listener.settings() }),
    markdown: { isTrusted: false, supportHtml: false },
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        ended();
        const message = "The connection to the server is gone.";
        return { action: CloseAction.DoNotRestart, message, handled: true };
      },
    },
    middleware: middleware(listener),
  };
}

function middleware(listener: Listener): Middleware {
  let proposed: string | undefined;
  return {
    provideInlineCompletionItems: listener.provideGhostText,
    executeCommand: (command, args, next) => {
      if (command === "fimbria.suggestionAccepted") listener.accepted();
      return next(command, args) as unknown;
    },
    sendRequest: async (type, param, token, next) => {
      const answer = await next(type, param, token);
      const method = typeof type === "string" ? type : type.method;
      if (method !== "codeAction/resolve") return answer;
      return withProposal(answer, PROPOSE) as typeof answer;
    },
    window: {
      showDocument: async (params, token, next) => {
        if (params.uri === proposed) return { success: true }; // it is seen beside its change
        if (!isAnswer(params.uri)) return next(params, token);
        await vscode.commands.executeCommand("markdown.showPreview", vscode.Uri.parse(params.uri));
        return { success: true };
      },
    },
    workspace: {
      handleApplyEdit: (params, next) => {
        const edit = proposable(params.edit);
        proposed = edit?.uri;
        if (edit === undefined) return next(params, CancellationToken.None);
        listener.propose(edit); // from here on it is the user's
        return { applied: true };
      },
    },
    handleWorkDoneProgress: (token, params, next) => {
      if (String(token).startsWith("fimbria-loading")) {
        if (params.kind === "end") listener.progressEnded();
        else listener.progressed(params.message ?? "", params.percentage ?? 0);
      }
      next(token, params);
    },
  };
}

/** Whether a document is an answer that the server has written down to have it shown. */
function isAnswer(uri: string): boolean {
  return /\/fimbria-[^/]+\/[^/]+\.md$/.test(uri);
}

/** Shows a message of the server, with `actions` below it; returns the chosen one. */
export async function showMessage(
  message: ShowMessageParams,
  actions: string[],
): Promise<string | undefined> {
  if (message.type === MessageType.Error) {
    return vscode.window.showErrorMessage(message.message, ...actions);
  }
  if (message.type === MessageType.Warning) {
    return vscode.window.showWarningMessage(message.message, ...actions);
  }
  return vscode.window.showInformationMessage(message.message);
}
