import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInlines, parseMarkdown, type Block } from "../src/core/markdown.ts";

const text = (words: string): { kind: "text"; text: string } => ({ kind: "text", text: words });
const paragraph = (words: string): Block => ({ kind: "paragraph", inlines: [text(words)] });

test("an answer with a sentence, code and a list", () => {
  const answer = "It divides by 3:\n\n```python\ndef half(n):\n    return n / 2\n```\n\n- one\n- two";
  assert.deepEqual(parseMarkdown(answer), [
    paragraph("It divides by 3:"),
    { kind: "code", language: "python", text: "def half(n):\n    return n / 2" },
    { kind: "list", start: undefined, items: [[paragraph("one")], [paragraph("two")]] },
  ]);
});

test("a block that is still being written is a block already", () => {
  assert.deepEqual(parseMarkdown("```python\ndef ha"), [
    { kind: "code", language: "python", text: "def ha" },
  ]);
});

test("fences inside a longer fence, and tildes, are code", () => {
  assert.deepEqual(parseMarkdown("````\n```\nx\n```\n````"), [
    { kind: "code", language: "", text: "```\nx\n```" },
  ]);
  assert.deepEqual(parseMarkdown("~~~c\n```\n~~~"), [{ kind: "code", language: "c", text: "```" }]);
});

test("headings, rules, quotes", () => {
  assert.deepEqual(parseMarkdown("## Why #\n***\n> a\n> b\n\nc"), [
    { kind: "heading", level: 2, inlines: [text("Why")] },
    { kind: "rule" },
    { kind: "quote", blocks: [paragraph("a\nb")] },
    paragraph("c"),
  ]);
});

test("lists are nested, numbered, and hold code", () => {
  const [list] = parseMarkdown("3. one\n   - inner\n\n   ```\n   x\n   ```\n4. two\nlazy");
  assert.deepEqual(list, {
    kind: "list",
    start: 3,
    items: [
      [
        paragraph("one"),
        { kind: "list", start: undefined, items: [[paragraph("inner")]] },
        { kind: "code", language: "", text: "x" },
      ],
      [paragraph("two\nlazy")],
    ],
  });
});

test("tables, with the sides that their columns keep to", () => {
  const cell = (words: string, side?: "right" | "center"): unknown => ({
    inlines: words === "" ? [] : [text(words)],
    side,
  });
  const answer = "So:\n| a | b |\n|---|--:|\n| 1 | 2 |\n| x \\| y |\n\n`|` and\n- | -";
  assert.deepEqual(parseMarkdown(answer).slice(0, 2), [
    paragraph("So:"),
    {
      kind: "table",
      head: [cell("a"), cell("b", "right")],
      rows: [
        [cell("1"), cell("2", "right")],
        [cell("x | y"), cell("", "right")],
      ],
    },
  ]);
  const [bare] = parseMarkdown("a | b\n:-:|---");
  assert.deepEqual(bare, { kind: "table", head: [cell("a", "center"), cell("b")], rows: [] });
});

test("a line above dashes is no table without as many cells", () => {
  assert.equal(parseMarkdown("a | b\n---")[0]?.kind, "paragraph");
  assert.equal(parseMarkdown("| a | b |\n|---|")[0]?.kind, "paragraph");
});

test("what is nested deeper than anybody reads is text", () => {
  const depth = (value: unknown): number =>
    typeof value === "object" && value !== null
      ? 1 + Math.max(0, ...Object.values(value).map(depth))
      : 0;
  for (const deep of ["- ".repeat(5000), ">".repeat(5000), "*a **b ".repeat(500) + "b** a*".repeat(500)]) {
    const parsed = parseMarkdown(`${deep}end`);
    assert.ok(JSON.stringify(parsed).includes("end"));
    assert.ok(depth(parsed) < 150);
  }
});

test("stress and code in a line", () => {
  assert.deepEqual(parseInlines("a **b *c*** `d * e` snake_case_name 2 * 3 * 4"), [
    text("a "),
    {
      kind: "strong",
      inlines: [text("b "), { kind: "emphasis", inlines: [text("c")] }],
    },
    text(" "),
    { kind: "code", text: "d * e" },
    text(" snake_case_name 2 * 3 * 4"),
  ]);
});

test("links lead to the web and nowhere else", () => {
  assert.deepEqual(parseInlines("[docs](https://example.org/a)"), [
    { kind: "link", href: "https://example.org/a", inlines: [text("docs")] },
  ]);
  for (const link of ["[x](javascript:alert(1))", "[x](command:fimbria.restart)", "[x](file:///etc)"]) {
    assert.deepEqual(parseInlines(link), [text(link)]);
  }
});

test("HTML is text", () => {
  const html = '<img src=x onerror="alert(1)">';
  assert.deepEqual(parseMarkdown(html), [paragraph(html)]);
});

test("every beginning of an answer can be parsed, and no word is lost", () => {
  const answer = "# A\n1. **b** `c`\n\n   > d [e](https://f.g)\n\n```js\nh\n```\n* * *\n\\*i* _j\nb | c\n-|-\nd | e";
  for (let length = 0; length <= answer.length; length += 1) {
    const beginning = answer.slice(0, length);
    const drawn = JSON.stringify(parseMarkdown(beginning));
    for (const word of beginning.match(/[b-i](?=\W)/g) ?? []) assert.ok(drawn.includes(word), word);
  }
});
