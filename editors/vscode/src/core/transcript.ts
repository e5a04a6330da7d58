// What a chat shows: questions, answers as they grow, and what became of them.

/** How an answer stands. `cut`: the longest length was reached. */
export type State = "growing" | "done" | "cut" | "stopped" | "failed";

export interface Reference {
  readonly label: string;
  readonly uri: string;
  readonly range?: unknown;
  readonly diagnostic?: unknown;
  /** What of it was left out, in a sentence. */
  readonly problem?: string;
}

export interface Turn {
  /** The server's name of the question, once it has it. */
  readonly id?: string | undefined;
  /** Id of the question in whose place this one stands when it is answered. */
  readonly replaces?: string | undefined;
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
  /** What stood there, until something is said in its place. */
  readonly held?: readonly Turn[] | undefined;
}

/**
 * What has happened between two transcripts that are shown one after the other, as far as somebody
 * who cannot see them has to be told.
 */
export function toTell(
  before: Transcript,
  now: Transcript,
): "began" | "ended" | "left" | undefined {
  if (isBusy(before) !== isBusy(now)) return isBusy(now) ? "began" : "ended";
  const { conversation } = before;
  return conversation !== undefined && conversation !== now.conversation ? "left" : undefined;
}

export const EMPTY: Transcript = { conversation: undefined, title: "", turns: [] };

export function asked(
  transcript: Transcript,
  question: string,
  references: readonly Reference[],
): Transcript {
  return { ...transcript, turns: [...transcript.turns, begun(question, references)] };
}

/**
 * Asks an earlier question again, or in other words. It and all that followed are taken back with
 * the first words of the answer, by the id of the first question there that the server knows.
 */
export function askedInstead(transcript: Transcript, index: number, question: string): Transcript {
  const { turns } = transcript;
  const earlier = turns[index];
  if (earlier === undefined) return transcript;
  const inPlace = turns.findIndex(({ id }) => id !== undefined && id === earlier.replaces);
  const first = inPlace === -1 ? index : inPlace;
  const replaces = turns.slice(first).find(({ id }) => id !== undefined)?.id;
  const turn = { ...begun(question, earlier.references.map(withoutProblem)), replaces };
  const held = replaces === undefined ? undefined : turns;
  return { ...transcript, turns: [...turns.slice(0, first), turn], held };
}

function withoutProblem({ label, uri, range, diagnostic }: Reference): Reference {
  return {
    label,
    uri,
    ...(range === undefined ? {} : { range }),
    ...(diagnostic === undefined ? {} : { diagnostic }),
  };
}

function begun(question: string, references: readonly Reference[]): Turn {
  return { question, references, answer: "", state: "growing", problem: "" };
}

/** The parameters of `fimbria/chat` for the last question. */
export function lastQuestion({ conversation, turns }: Transcript): object {
  const { question = "", references = [], replaces } = turns.at(-1) ?? {};
  return {
    conversation,
    message: question,
    replaces,
    references: references.map(({ uri, range, diagnostic }) => ({ uri, range, diagnostic })),
  };
}

export function isBusy(transcript: Transcript): boolean {
  return transcript.turns.at(-1)?.state === "growing";
}

/** Changes the turn that is being answered; nothing if there is none. */
function withLast(
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
      readonly question: string;
      readonly references: readonly { readonly uri: string; readonly problem: string }[];
    }
  | { readonly kind: "text"; readonly text: string };

export function progressed(transcript: Transcript, progress: Progress): Transcript {
  if (progress.kind === "text") {
    const grown = withLast(transcript, ({ answer }) => ({ answer: answer + progress.text }));
    return progress.text.trim() === "" ? grown : settled(grown);
  }
  const { conversation, title, question } = progress;
  const named = { ...transcript, conversation, title };
  return withLast(named, ({ references }) => ({
    id: question,
    references: references.map((reference, index) => {
      const problem = progress.references[index]?.problem ?? "";
      return problem === "" ? reference : { ...reference, problem };
    }),
  }));
}

/** Something was said in the place of what was held. */
function settled(transcript: Transcript): Transcript {
  if (transcript.held === undefined) return transcript;
  return { ...withLast(transcript, () => ({ replaces: undefined })), held: undefined };
}

/** The response of `fimbria/chat`, as far as it matters here. */
export interface Answered {
  readonly conversation: string;
  readonly title: string;
  readonly question: string;
  readonly answer: { readonly content: string; readonly ending: string };
}

export function answered(
  transcript: Transcript,
  { conversation, title, question, answer: { content, ending } }: Answered,
): Transcript {
  const named = settled({ ...transcript, conversation, title });
  const state = stateOfEnding(ending);
  return withLast(named, () => ({ id: question, answer: content, state }));
}

/** An answer that ended without a response. Where it had not begun, nothing is taken back. */
export function ended(
  transcript: Transcript,
  state: "stopped" | "failed",
  problem: string,
): Transcript {
  const after = withLast(transcript, () => ({ state, problem }));
  const last = after.turns.at(-1);
  if (after.held === undefined || last === undefined) return after;
  const kept = after.held.filter(({ replaces }) => replaces === undefined);
  return { ...after, turns: [...kept, { ...last, id: undefined }], held: undefined };
}

/** An answer that was stopped: as it was then, and as it is shown since. */
export interface Stopped {
  readonly before: Transcript;
  readonly shown: Transcript;
}

/** Stops the answer that is being made. */
export function stopped(before: Transcript): Stopped {
  return { before, shown: ended(before, "stopped", "") };
}

/** What the server had sent before it knew: what it keeps is shown. */
export function stoppedLater({ before }: Stopped, progress: Progress): Stopped {
  return stopped(progressed(before, progress));
}

/** The conversation as Markdown. */
export function asMarkdown({ title, turns }: Transcript): string {
  const said = turns.map(({ question, answer, problem }) =>
    ["## You", question, "## Fimbria", answer.trim() === "" ? problem : answer.trim()].join("\n\n"),
  );
  return [`# ${title}`, ...said].join("\n\n") + "\n";
}

/** A message of `fimbria/chat/get`. */
export interface KeptMessage {
  readonly id: string;
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly references?: readonly Omit<Reference, "label" | "problem">[];
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
      const { id, content } = message;
      turns.push({ ...UNANSWERED, id, question: content, references: references(message) });
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
  return (message.references ?? []).map((reference) => ({
    ...reference,
    label: nameOf(reference.uri),
  }));
}

function nameOf(uri: string): string {
  const name = uri.split("/").at(-1) ?? uri;
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // a % that stands for itself
  }
}

function stateOfEnding(ending: string): State {
  if (ending === "length") return "cut";
  if (ending === "aborted") return "stopped";
  return ending === "failed" ? "failed" : "done";
}
