// Whether the editor will ask for ghost text at the cursor, before it does.
//
// VS Code waits for 50 ms after a key before it asks, and each key begins that anew. Much decides
// whether it then asks at all: its settings, a snippet, a menu, how fast somebody types. So it is
// taken to ask after a key if it has asked after the key before.

import { endOf, isBefore, type Change } from "./catchingUp.ts";
import type { Place } from "./lateAnswers.ts";

interface Typed {
  readonly uri: string;
  readonly version: number;
  readonly change: Change;
}

export class Foresight {
  #hasAsked = false;
  /** What was typed last, until the cursor is known that follows it. */
  #typed: Typed | undefined;

  /** The editor asks. For the selected entry of a menu it asks what is not foreseen. */
  asks(place: Place, isExplicit: boolean): void {
    if (!isExplicit) this.#hasAsked = place.selected === "";
  }

  /** A text has become this version by changes that somebody has typed. */
  changed(uri: string, version: number, changes: readonly Change[]): void {
    const [change, ...others] = changes;
    const isPlain = change !== undefined && change.text !== "" && others.length === 0;
    this.#typed = this.#hasAsked && isPlain ? { uri, version, change } : undefined;
    this.#hasAsked = false;
  }

  /** Returns whether the editor will ask here, where the cursor has come to; true once per key. */
  expects(cursor: Place | undefined): boolean {
    const typed = this.#typed;
    if (typed === undefined || cursor === undefined) return false;
    if (cursor.uri !== typed.uri || cursor.version !== typed.version) return false;
    // The event of an earlier key's cursor may come behind a later key's text.
    const { start, text } = typed.change;
    if (!isBefore(start, cursor) || isBefore(endOf(start, text), cursor)) return false;
    this.#typed = undefined;
    return true;
  }
}
