// The language client: `fimbria lsp` on standard input and output.

import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  MessageType,
  ShowMessageNotification,
  type DocumentSelector,
  type LanguageClientOptions,
  type Middleware,
  type ShowMessageParams,
} from "vscode-languageclient/node";
import type { Server } from "./core/discovery.ts";
import { proposable, withProposal, type Proposable } from "./core/proposable.ts";
import { ASKS_INSTRUCTION } from "./editing.ts";
import { PROPOSE } from "./proposals.ts";

/** Files, unsaved texts and cells of notebooks, in every language. */
const DOCUMENTS: DocumentSelector = ["file", "untitled", "vscode-notebook-cell"].map((scheme) => ({
  scheme,
}));

const NEVER_CANCELLED = new vscode.CancellationTokenSource().token;

/** What happens while the client runs. */
export interface Listener {
  readonly provideGhostText: NonNullable<Middleware["provideInlineCompletionItems"]>;
  settings(): Record<string, unknown>;
  /** The server's connection is gone; returns whether to start it again, when it is time to. */
  ended(): Promise<boolean>;
  progressed(message: string, percentage: number): void;
  progressEnded(): void;
  told(message: ShowMessageParams): void;
  accepted(): void;
  propose(edit: Proposable): void;
}

export function makeClient(
  server: Server,
  channel: vscode.LogOutputChannel,
  listener: Listener,
): LanguageClient {
  const run = { command: server.command, args: [...server.args, "lsp"] };
  const options = clientOptions(channel, listener);
  const client = new LanguageClient("fimbria", "Fimbria", run, options);
  client.registerFeature(ASKS_INSTRUCTION);
  client.onNotification(ShowMessageNotification.type, (message) => {
    listener.told(message);
  });
  return client;
}

function clientOptions(
  outputChannel: vscode.LogOutputChannel,
  listener: Listener,
): LanguageClientOptions {
  return {
    documentSelector: DOCUMENTS,
    outputChannel,
    initializationOptions: (): unknown => ({ fimbria: listener.settings() }),
    markdown: { isTrusted: false, supportHtml: false },
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: async () => ({
        action: (await listener.ended()) ? CloseAction.Restart : CloseAction.DoNotRestart,
        handled: true,
      }),
    },
    middleware: middleware(listener),
  };
}

function middleware(listener: Listener): Middleware {
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
        if (!isAnswer(params.uri)) return next(params, token);
        await vscode.commands.executeCommand("markdown.showPreview", vscode.Uri.parse(params.uri));
        return { success: true };
      },
    },
    workspace: {
      handleApplyEdit: (params, next) => {
        const edit = proposable(params.edit);
        if (edit === undefined) return next(params, NEVER_CANCELLED);
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
