// The Markdown that models write, as a tree. Nothing of it is ever taken for HTML.

export type Inline =
  | { readonly kind: "text" | "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis"; readonly inlines: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly inlines: readonly Inline[] };

export type Block =
  | { readonly kind: "paragraph"; readonly inlines: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly inlines: readonly Inline[] }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | {
      readonly kind: "list";
      readonly start: number | undefined;
      readonly items: readonly (readonly Block[])[];
    }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | {
      readonly kind: "table";
      readonly head: readonly Cell[];
      /** Each as long as the head. */
      readonly rows: readonly (readonly Cell[])[];
    }
  | { readonly kind: "rule" };

export interface Cell {
  readonly inlines: readonly Inline[];
  readonly side: "left" | "center" | "right" | undefined;
}

/** What lies deeper in lists, quotes or stress is taken as it stands. */
const DEEPEST = 20;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(\s+)(?=\S)/;
const QUOTE = /^ {0,3}> ?/;
const BELOW_HEAD = /^:?-+:?$/;

/** Parses a text, which may end anywhere: an answer is drawn while it is written. */
export function parseMarkdown(text: string): Block[] {
  return parseBlocks(text.replaceAll("\r\n", "\n").split("\n"), 0);
}

/** A parser of one kind of block: what it is, and how many lines it takes; undefined if not. */
type Parser = (lines: readonly string[], depth: number) => Parsed | undefined;

interface Parsed {
  readonly block: Block;
  readonly numLines: number;
}

function parseBlocks(lines: readonly string[], depth: number): Block[] {
  const blocks: Block[] = [];
  let rest = lines;
  while (rest.length > 0) {
    if (isBlank(rest[0])) {
      rest = rest.slice(1);
      continue;
    }
    const { block, numLines } = firstBlock(rest, depth);
    blocks.push(block);
    rest = rest.slice(numLines);
  }
  return blocks;
}

function firstBlock(lines: readonly string[], depth: number): Parsed {
  for (const parser of depth < DEEPEST ? [...FLAT, ...NESTING] : FLAT) {
    const found = parser(lines, depth);
    if (found !== undefined) return found;
  }
  return paragraph(lines);
}

const fencedCode: Parser = (lines) => {
  const [opening, ...rest] = lines;
  const found = FENCE.exec(opening ?? "");
  if (found === null) return undefined;
  const [, fence = "", language = ""] = found;
  const isClosing = (line: string): boolean => {
    const bare = line.trim();
    return bare.length >= fence.length && bare === fence.charAt(0).repeat(bare.length);
  };
  const end = rest.findIndex(isClosing);
  const body = end === -1 ? rest : rest.slice(0, end);
  const numLines = body.length + (end === -1 ? 1 : 2);
  return { block: { kind: "code", language, text: body.join("\n") }, numLines };
};

const heading: Parser = ([line = ""]) => {
  const found = HEADING.exec(line);
  if (found === null) return undefined;
  const [, marks = "", text = ""] = found;
  const inlines = parseInlines(text);
  return { block: { kind: "heading", level: marks.length, inlines }, numLines: 1 };
};

const rule: Parser = ([line = ""]) =>
  RULE.test(line) ? { block: { kind: "rule" }, numLines: 1 } : undefined;

const table: Parser = (lines) => {
  const sides = sidesOfTable(lines);
  if (sides === undefined) return undefined;
  const [head = "", , ...rest] = lines;
  const body = rest.slice(0, countWhile(rest, (line) => !isBlank(line) && !startsBlock(line)));
  const cells = (line: string): Cell[] => {
    const texts = cellsOf(line);
    return sides.map((side, index) => ({ inlines: parseInlines(texts[index] ?? ""), side }));
  };
  const block: Block = { kind: "table", head: cells(head), rows: body.map(cells) };
  return { block, numLines: 2 + body.length };
};

/** The sides that the columns keep to, where the lines begin with a table. */
function sidesOfTable([head = "", below = ""]: readonly string[]): Cell["side"][] | undefined {
  if (!head.includes("|") || !below.includes("-")) return undefined;
  const marks = cellsOf(below);
  if (marks.length !== cellsOf(head).length) return undefined;
  return marks.every((mark) => BELOW_HEAD.test(mark)) ? marks.map(sideOf) : undefined;
}

function sideOf(mark: string): Cell["side"] {
  if (!mark.endsWith(":")) return mark.startsWith(":") ? "left" : undefined;
  return mark.startsWith(":") ? "center" : "right";
}

function cellsOf(line: string): string[] {
  const bare = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return bare.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

const quote: Parser = (lines, depth) => {
  const numLines = countWhile(lines, (line) => QUOTE.test(line));
  if (numLines === 0) return undefined;
  const inner = lines.slice(0, numLines).map((line) => line.replace(QUOTE, ""));
  return { block: { kind: "quote", blocks: parseBlocks(inner, depth + 1) }, numLines };
};

const itemList: Parser = (lines, depth) => {
  const first = ITEM.exec(lines[0] ?? "");
  if (first === null) return undefined;
  const isOrdered = /\d/.test(first[2] ?? "");
  const items: Block[][] = [];
  let numLines = 0;
  for (;;) {
    const numBlank = countWhile(lines.slice(numLines), isBlank);
    const found = ITEM.exec(lines[numLines + numBlank] ?? "");
    if (found === null || /\d/.test(found[2] ?? "") !== isOrdered) break;
    numLines += numBlank;
    const taken = itemLines(lines.slice(numLines), found[0].length);
    items.push(parseBlocks(taken, depth + 1));
    numLines += taken.length;
  }
  const start = isOrdered ? Number.parseInt(first[2] ?? "1", 10) : undefined;
  return { block: { kind: "list", start, items }, numLines };
};

/** The lines of a list's first item, without its marker and indentation. */
function itemLines(lines: readonly string[], indent: number): string[] {
  const [first = "", ...rest] = lines;
  const taken = [first.slice(indent)];
  for (const [index, line] of rest.entries()) {
    const isInside = line.startsWith(" ".repeat(indent));
    const goesOn = isBlank(line) && (rest[index + 1] ?? "").startsWith(" ".repeat(indent));
    const isLazy = !isBlank(line) && !isBlank(rest[index - 1] ?? first) && !startsBlock(line);
    if (!isInside && !goesOn && !isLazy) break;
    taken.push(isInside ? line.slice(indent) : line.trimStart());
  }
  return taken;
}

function paragraph(lines: readonly string[]): Parsed {
  let numLines = 1;
  const goesOn = ([line = "", below = ""]: readonly string[]): boolean =>
    !isBlank(line) && !startsBlock(line) && sidesOfTable([line, below]) === undefined;
  while (numLines < lines.length && goesOn(lines.slice(numLines, numLines + 2))) numLines += 1;
  const text = lines.slice(0, numLines).join("\n").trim();
  return { block: { kind: "paragraph", inlines: parseInlines(text) }, numLines };
}

const FLAT: readonly Parser[] = [fencedCode, heading, rule, table];
const NESTING: readonly Parser[] = [quote, itemList];

function startsBlock(line: string): boolean {
  return [FENCE, HEADING, RULE, ITEM, QUOTE].some((start) => start.test(line));
}

const CODE = /^(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/;
const STRONG = /^(\*\*|__)(?=\S)([\s\S]*?\S)\1(?![*_])/;
const EMPHASIS = /^([*_])(?=[^\s*_])([\s\S]*?[^\s*_])\1(?!\w)/;
const LINK = /^\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/;
const ESCAPED = /^\\([!-/:-@[-`{-~])/;

/** Parses what stands in a line: code, bold, italic, links to the web. */
export function parseInlines(text: string, depth = 0): Inline[] {
  if (depth >= DEEPEST) return plainText(text);
  const inlines: Inline[] = [];
  let plain = "";
  let rest = text;
  while (rest !== "") {
    const { inline, length } = firstInline(rest, /\w$/.test(plain), depth + 1);
    if (typeof inline === "string") plain += inline;
    else inlines.push(...plainText(plain), inline);
    if (typeof inline !== "string") plain = "";
    rest = rest.slice(length);
  }
  return [...inlines, ...plainText(plain)];
}

function firstInline(
  rest: string,
  isInWord: boolean,
  depth: number,
): { inline: Inline | string; length: number } {
  const escaped = ESCAPED.exec(rest);
  if (escaped !== null) return { inline: escaped[1] ?? "", length: 2 };
  const code = CODE.exec(rest);
  if (code !== null) {
    return { inline: { kind: "code", text: (code[2] ?? "").trim() }, length: code[0].length };
  }
  const link = LINK.exec(rest);
  if (link !== null) {
    const [whole, label = "", href = ""] = link;
    return { inline: { kind: "link", href, inlines: parseInlines(label, depth) }, length: whole.length };
  }
  return firstStressed(rest, isInWord, depth) ?? { inline: rest.charAt(0), length: 1 };
}

function firstStressed(
  rest: string,
  isInWord: boolean,
  depth: number,
): { inline: Inline; length: number } | undefined {
  if (isInWord && rest.startsWith("_")) return undefined; // snake_case is one word
  const strong = STRONG.exec(rest);
  const found = strong ?? EMPHASIS.exec(rest);
  if (found === null) return undefined;
  const kind = strong === null ? "emphasis" : "strong";
  return { inline: { kind, inlines: parseInlines(found[2] ?? "", depth) }, length: found[0].length };
}

function plainText(text: string): Inline[] {
  return text === "" ? [] : [{ kind: "text", text }];
}

function isBlank(line: string | undefined): boolean {
  return line?.trim() === "";
}

function countWhile(lines: readonly string[], holds: (line: string) => boolean): number {
  const end = lines.findIndex((line) => !holds(line));
  return end === -1 ? lines.length : end;
}
