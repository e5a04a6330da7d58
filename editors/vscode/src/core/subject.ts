// What an instruction is for, in words.

/** As the server tells it: a definition, or lines; numbered from 0, the last one included. */
export interface Subject {
  /** Of the definition, or of the one around the lines; may be empty. */
  readonly name: string;
  readonly isWhole: boolean;
  readonly lines: readonly [number, number];
}

/** Returns such as `average, lines 2–6`; undefined if nobody knows. */
export function wordsFor(subject: Subject | undefined): string | undefined {
  if (subject === undefined) return undefined;
  const { name, isWhole, lines } = subject;
  const [first, last] = lines.map((line) => String(line + 1)) as [string, string];
  const where = first === last ? `line ${first}` : `lines ${first}–${last}`;
  if (name === "") return where;
  return isWhole ? `${name}, ${where}` : `${where} of ${name}`;
}
