// What a chat shows: questions, answers as they grow, and what became of them.

/** How an answer stands. `cut`: the longest length was reached. */
export type State = "growing" | "done" | "cut" | "stopped" | "failed";

export interface Reference {
  readonly label: string;
  readonly uri: string;
  readonly range?: unknown;
  /** What of it was left out, in a sentence. */
  readonly problem?: string;
}

export interface Turn {
  readonly question: string;
  readonly references: readonly Reference[];
  readonly answer: string;
  readonly state: State;
  /** Why it failed. */
  readonly problem: string;
}

export interface Transcript {
  readonly conversation: string | undefined;
  readonly title: string;
  readonly turns: readonly Turn[];
}

export const EMPTY: Transcript = { conversation: undefined, title: "", turns: [] };

export function asked(
  transcript: Transcript,
  question: string,
  references: readonly Reference[],
): Transcript {
  const turn: Turn = { question, references, answer: "", state: "growing", problem: "" };
  return { ...transcript, turns: [...transcript.turns, turn] };
}

export function isBusy(transcript: Transcript): boolean {
  return transcript.turns.at(-1)?.state === "growing";
}

/** Changes the turn that is being answered; nothing if there is none. */
export function withLast(
  transcript: Transcript,
  change: (turn: Turn) => Partial<Turn>,
): Transcript {
  const last = transcript.turns.at(-1);
  if (last?.state !== "growing") return transcript;
  return { ...transcript, turns: [...transcript.turns.slice(0, -1), { ...last, ...change(last) }] };
}

/** A `$/progress` value of `fimbria/chat`. */
export type Progress =
  | {
      readonly kind: "begin";
      readonly conversation: string;
      readonly title: string;
      readonly references: readonly { readonly uri: string; readonly problem: string }[];
    }
  | { readonly kind: "text"; readonly text: string };

export function progressed(transcript: Transcript, progress: Progress): Transcript {
  if (progress.kind === "text") {
    return withLast(transcript, ({ answer }) => ({ answer: answer + progress.text }));
  }
  const { conversation, title } = progress;
  const named = { ...transcript, conversation, title };
  return withLast(named, ({ references }) => ({
    references: references.map((reference, index) => {
      const problem = progress.references[index]?.problem ?? "";
      return problem === "" ? reference : { ...reference, problem };
    }),
  }));
}

/** The response of `fimbria/chat`, as far as it matters here. */
export interface Answered {
  readonly conversation: string;
  readonly title: string;
  readonly answer: { readonly content: string; readonly ending: string };
}

export function answered(
  transcript: Transcript,
  { conversation, title, answer: { content, ending } }: Answered,
): Transcript {
  const state = stateOfEnding(ending);
  return withLast({ ...transcript, conversation, title }, () => ({ answer: content, state }));
}

/** An answer that ended without a response. */
export function ended(
  transcript: Transcript,
  state: "stopped" | "failed",
  problem: string,
): Transcript {
  return withLast(transcript, () => ({ state, problem }));
}

/** A message of `fimbria/chat/get`. */
export interface KeptMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly references?: readonly { readonly uri: string; readonly range?: unknown }[];
  readonly ending?: string;
}

export interface Kept {
  readonly conversation: string;
  readonly title: string;
  readonly messages: readonly KeptMessage[];
}

/** Makes a transcript of a conversation that was kept. */
export function restored({ conversation, title, messages }: Kept): Transcript {
  const turns: Turn[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (message.role === "user") {
      turns.push({ ...UNANSWERED, question: message.content, references: references(message) });
    } else if (last !== undefined) {
      const state = stateOfEnding(message.ending ?? "stop");
      turns[turns.length - 1] = { ...last, answer: message.content, state, problem: "" };
    }
  }
  return { conversation, title, turns };
}

const UNANSWERED: Omit<Turn, "question" | "references"> = {
  answer: "",
  state: "failed",
  problem: "This question was not answered.",
};

function references(message: KeptMessage): Reference[] {
  return (message.references ?? []).map(({ uri, range }) => ({
    label: decodeURIComponent(uri.split("/").at(-1) ?? uri),
    uri,
    ...(range === undefined ? {} : { range }),
  }));
}

function stateOfEnding(ending: string): State {
  if (ending === "length") return "cut";
  if (ending === "aborted") return "stopped";
  return ending === "failed" ? "failed" : "done";
}
