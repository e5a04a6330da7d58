// Whether chats can be answered, and what the user can do where they cannot.

import { messageOf } from "./errors.ts";

/** `setting`: the one that says where the server is; `settings`: those of the chat. */
export type Remedy = "install" | "setting" | "settings" | "restart" | "log";

/** What the buttons are called. */
export const REMEDIES: Readonly<Record<Remedy, string>> = {
  install: "Install the Server…",
  setting: "Open Its Setting",
  settings: "Open Settings",
  restart: "Restart Server",
  log: "Show Log",
};

export interface Availability {
  readonly isAvailable: boolean;
  /** Empty where it is available. */
  readonly whyNot: string;
  readonly remedies: readonly Remedy[];
}

/** What `fimbria/chat/status` answers, as far as it matters here. */
export interface Status {
  readonly isAvailable: boolean;
  readonly whyNot: string;
}

export function fromStatus({ isAvailable, whyNot }: Status): Availability {
  return { isAvailable, whyNot: inOurNames(whyNot), remedies: isAvailable ? [] : ["settings"] };
}

/** Where no server answers. `find` looks for one; it throws where the setting makes no sense. */
export function withoutServer(find: () => unknown): Availability {
  try {
    return find() === undefined
      ? unavailable("Fimbria's server is not installed.", ["install", "setting"])
      : unavailable(DOES_NOT_RUN, ["restart", "log"]);
  } catch (error) {
    return unavailable(`Fimbria's server cannot be started: ${messageOf(error)}`, ["setting"]);
  }
}

/** Where asking for the status failed. */
export function fromFailure(error: unknown): Availability {
  if (codeOf(error) === METHOD_NOT_FOUND) {
    return unavailable("This version of Fimbria's server does not chat.", ["install"]);
  }
  return unavailable(problemOf(error), ["restart", "log"]);
}

function unavailable(whyNot: string, remedies: readonly Remedy[]): Availability {
  return { isAvailable: false, whyNot, remedies };
}

const DOES_NOT_RUN = "Fimbria's server does not run: it is starting, or has ended.";
export const HAS_ENDED = "Fimbria's server has ended meanwhile. Ask again when it is there.";
const METHOD_NOT_FOUND = -32601;
/** JSON-RPC's codes for a connection that is gone. */
const CONNECTION_GONE = { first: -32099, last: -32096 };

/** Why there is no answer to a request, for the user. */
export function problemOf(error: unknown): string {
  const code = codeOf(error);
  const { first, last } = CONNECTION_GONE;
  if (code === undefined || (first <= code && code <= last)) return HAS_ENDED;
  return inOurNames(messageOf(error));
}

/** The code of what a server has answered; whatever else goes wrong has none. */
function codeOf(error: unknown): number | undefined {
  const isAnswer = error instanceof Error && "code" in error && typeof error.code === "number";
  return isAnswer && Number(error.code) < 0 ? Number(error.code) : undefined;
}

const SETTINGS = /(?<![\w./-])(?:chat_(?:model|endpoint|max_tokens)|keep_conversations)(?![\w/-])/g;

/** The server names settings as config.toml has them; here they are called otherwise. */
function inOurNames(text: string): string {
  return text.replaceAll(
    SETTINGS,
    (name) => `fimbria.${name.replaceAll(/_./g, (pair) => pair.charAt(1).toUpperCase())}`,
  );
}
