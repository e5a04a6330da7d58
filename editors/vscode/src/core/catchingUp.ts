// Text that was typed and got no answer: there was no server, or ghost text was switched off.
//
// VS Code asks for ghost text only while somebody types. Once there is somebody to be asked, it is
// made to ask where text was typed last, if the cursor has not left that place since.

import { isSamePosition, type Place } from "./lateAnswers.ts";

export interface Position {
  readonly line: number;
  readonly character: number;
}

/** One change of a text: where it began, and what stands there since. */
export interface Change {
  readonly start: Position;
  readonly text: string;
}

interface Typed {
  readonly uri: string;
  readonly version: number;
  readonly start: Position;
  readonly end: Position;
  readonly isAnswered: boolean;
}

export class CatchingUp {
  #typed: Typed | undefined;
  #asking: Place | undefined;

  /** A text has become this version by changes; the cursor may move because of it. */
  changed(uri: string, version: number, changes: readonly Change[]): void {
    const [change, ...others] = changes;
    this.#asking = undefined;
    this.#typed = undefined;
    if (change === undefined || others.length > 0) return; // of several, nobody knows where
    const { start, text } = change;
    this.#typed = { uri, version, start, end: endOf(start, text), isAnswered: false };
  }

  /** The cursor is here now. Another place than that of the text is forgotten. */
  moved(cursor: Place | undefined): void {
    if (this.#asking !== undefined && !isAt(this.#asking, cursor)) this.#asking = undefined;
    const typed = this.#typed;
    if (typed === undefined) return;
    const isThere = cursor !== undefined && isWithin(typed, cursor);
    this.#typed = isThere ? { ...typed, start: cursor, end: cursor } : undefined;
  }

  /** Somebody has answered a request at this place. */
  answered(place: Place): void {
    if (this.#typed === undefined || !isWithin(this.#typed, place)) return;
    this.#typed = { ...this.#typed, isAnswered: true };
  }

  /** Whatever was answered is wanted again. */
  again(): void {
    if (this.#typed !== undefined) this.#typed = { ...this.#typed, isAnswered: false };
  }

  /** Returns whether the editor is to be made to ask at the cursor, and expects that it does. */
  begin(cursor: Place | undefined): boolean {
    const typed = this.#typed;
    if (typed === undefined || cursor === undefined || typed.isAnswered) return false;
    if (!isWithin(typed, cursor)) return false;
    this.#asking = cursor;
    return true;
  }

  /** Returns whether a request is the one that the editor was made to ask; true once. */
  takes(place: Place): boolean {
    const isOurs = isAt(place, this.#asking);
    this.end();
    return isOurs;
  }

  /** The editor has done what it was made to, or never will. */
  end(): void {
    this.#asking = undefined;
  }
}

function isAt(place: Place, other: Place | undefined): boolean {
  return other !== undefined && isSamePosition(place, other);
}

function isWithin({ uri, version, start, end }: Typed, place: Place): boolean {
  const isSameText = uri === place.uri && version === place.version;
  return isSameText && !isBefore(place, start) && !isBefore(end, place);
}

export function isBefore(one: Position, other: Position): boolean {
  return one.line < other.line || (one.line === other.line && one.character < other.character);
}

/** Where a text ends that begins at a position. */
export function endOf({ line, character }: Position, text: string): Position {
  const lines = text.split(/\r\n|\r|\n/);
  const last = (lines.at(-1) ?? "").length;
  const numBreaks = lines.length - 1;
  return { line: line + numBreaks, character: numBreaks === 0 ? character + last : last };
}
