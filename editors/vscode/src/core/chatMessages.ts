// What the chat view and the extension tell each other.

import { REMEDIES, type Availability, type Remedy } from "./availability.ts";
import type { Reference, Transcript } from "./transcript.ts";

export type ToView =
  | { readonly kind: "transcript"; readonly transcript: Transcript }
  /** The growing answer has grown. */
  | { readonly kind: "text"; readonly text: string }
  /** What the next question would come with. */
  | { readonly kind: "references"; readonly references: readonly Reference[] }
  | ({ readonly kind: "availability" } & Availability)
  | { readonly kind: "focus" };

export type FromView =
  | { readonly kind: "ready" | "stop" | "askAgain" | "addReference" }
  | { readonly kind: "remedy"; readonly remedy: Remedy }
  | { readonly kind: "ask"; readonly question: string }
  /** A question in the place of that of a turn, counted from 0. */
  | { readonly kind: "askInstead"; readonly turn: number; readonly question: string }
  | { readonly kind: "copyAnswer"; readonly turn: number }
  | { readonly kind: "removeReference" | "openReference"; readonly reference: Reference }
  | CodeWish;

export interface CodeWish {
  readonly kind: "copy" | "insert" | "apply";
  readonly code: string;
  readonly language: string;
}

type Fields = Readonly<Partial<Record<string, unknown>>>;
type Check = (value: unknown) => boolean;

const CODE: Readonly<Record<string, Check>> = { code: isText, language: isText };

/** What each message of the view must have beside its kind. */
const MEMBERS: Readonly<Record<FromView["kind"], Readonly<Record<string, Check>>>> = {
  ready: {},
  stop: {},
  askAgain: {},
  addReference: {},
  remedy: { remedy: isRemedy },
  ask: { question: isFilled },
  askInstead: { turn: isIndex, question: isFilled },
  copyAnswer: { turn: isIndex },
  removeReference: { reference: isReference },
  openReference: { reference: isReference },
  copy: CODE,
  insert: CODE,
  apply: CODE,
};

/** What the view says, or nothing if it is not one of the messages that it should send. */
export function readFromView(message: unknown): FromView | undefined {
  if (!isFields(message) || !isKind(message.kind)) return undefined;
  const isWhole = Object.entries(MEMBERS[message.kind]).every(([name, check]) =>
    check(message[name]),
  );
  return isWhole ? (message as FromView) : undefined;
}

function isKind(value: unknown): value is FromView["kind"] {
  return isText(value) && Object.hasOwn(MEMBERS, value);
}

function isRemedy(value: unknown): boolean {
  return isText(value) && Object.hasOwn(REMEDIES, value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isFilled(value: unknown): boolean {
  return isText(value) && value.trim() !== "";
}

function isIndex(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isReference(value: unknown): boolean {
  if (!isFields(value)) return false;
  const { label, uri, range } = value;
  return isText(label) && isText(uri) && (range === undefined || isRange(range));
}

function isRange(value: unknown): boolean {
  return isFields(value) && isPosition(value.start) && isPosition(value.end);
}

function isPosition(value: unknown): boolean {
  return isFields(value) && isIndex(value.line) && isIndex(value.character);
}
