// Changes of a text, for the text as it is now.

/** What is to stand between two offsets of a text. */
export interface TextChange {
  readonly start: number;
  readonly end: number;
  readonly newText: string;
}

export function withChanges(text: string, changes: readonly TextChange[]): string {
  const fromTheEnd = [...changes].sort((one, other) => other.start - one.start);
  return fromTheEnd.reduce(
    (before, { start, end, newText }) => before.slice(0, start) + newText + before.slice(end),
    text,
  );
}

/**
 * Returns changes that were made for `base` as changes of `text`, which it has become since;
 * undefined where the lines that they are for have been changed, or stand there more than once.
 */
export function rebased(
  base: string,
  text: string,
  changes: readonly TextChange[],
): TextChange[] | undefined {
  if (base === text) return [...changes];
  if (changes.length === 0) return [];
  return beside(base, text, changes) ?? found(base, text, changes);
}

/** Where everything that has become another text lies between these changes. */
function beside(
  base: string,
  text: string,
  changes: readonly TextChange[],
): TextChange[] | undefined {
  const shortest = Math.min(base.length, text.length);
  let first = 0;
  while (first < shortest && base[first] === text[first]) first += 1;
  let same = 0;
  while (same < shortest - first && base.at(-1 - same) === text.at(-1 - same)) same += 1;
  const last = base.length - same;
  if (changes.some(({ start, end }) => start <= last && end >= first)) return undefined;
  return moved(changes, text.length - base.length, last);
}

/** Where the lines of these changes are elsewhere now. */
function found(
  base: string,
  text: string,
  changes: readonly TextChange[],
): TextChange[] | undefined {
  const start = lineStart(base, Math.min(...changes.map((change) => change.start)));
  const end = lineEnd(base, Math.max(...changes.map((change) => change.end)));
  const lines = base.slice(start, end);
  const places = wholeLines(text, lines);
  const [place] = places;
  if (place === undefined || places.length > 1 || lines.trim() === "") return undefined;
  return moved(changes, place - start);
}

function moved(changes: readonly TextChange[], by: number, from = 0): TextChange[] {
  return changes.map((change) =>
    change.start < from
      ? change
      : { ...change, start: change.start + by, end: change.end + by },
  );
}

/** Returns where these lines, and not only parts of such, begin in a text. */
function wholeLines(text: string, lines: string): number[] {
  const places = [];
  for (let at = text.indexOf(lines); at >= 0; at = text.indexOf(lines, at + 1)) {
    if (lineStart(text, at) === at && lineEnd(text, at + lines.length) === at + lines.length) {
      places.push(at);
    }
    if (lines === "") break;
  }
  return places;
}

function lineStart(text: string, offset: number): number {
  let at = offset;
  while (at > 0 && !isBreak(text[at - 1])) at -= 1;
  return at;
}

/** Where the line of an offset ends, before its break. */
function lineEnd(text: string, offset: number): number {
  let at = offset;
  while (at < text.length && !isBreak(text[at])) at += 1;
  return at;
}

function isBreak(character: string | undefined): boolean {
  return character === "\n" || character === "\r";
}
