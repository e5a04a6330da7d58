import assert from "node:assert/strict";
import { test } from "node:test";
import { rebased, withChanges, type TextChange } from "../src/core/rebase.ts";

const BASE = "import os\n\n\ndef half(n):\n    return n * 2\n\n\ndef third(n):\n    return n / 3\n";

/** What is to stand in place of the only occurrence of a text. */
function change(old: string, newText: string): TextChange {
  const start = BASE.indexOf(old);
  assert.ok(start >= 0 && start === BASE.lastIndexOf(old));
  return { start, end: start + old.length, newText };
}

const FIX = [change("n * 2", "n / 2")];

function after(text: string, changes: readonly TextChange[] = FIX): string | undefined {
  const found = rebased(BASE, text, changes);
  return found === undefined ? undefined : withChanges(text, found);
}

test("changes are made from the end, so that none moves another", () => {
  const both = [change("import os", "import math"), change("n * 2", "n / 2")];
  assert.equal(withChanges(BASE, both), BASE.replace("os", "math").replace("n * 2", "n / 2"));
});

const ELSEWHERE: [string, string][] = [
  ["nothing", BASE],
  ["what is above", `# changed\n${BASE}`],
  ["what is below", BASE.replace("n / 3", "n / 3.0")],
  ["both", `# changed\n${BASE.replace("n / 3", "n / 3.0")}`],
  ["all that is above", BASE.replace("import os\n\n\n", "")],
];
for (const [what, text] of ELSEWHERE) {
  test(`a change holds where ${what} was edited since`, () => {
    assert.equal(after(text), text.replace("n * 2", "n / 2"));
  });
}

test("several changes keep to their places on both sides of what was edited", () => {
  const both = [change("n * 2", "n / 2"), change("import os\n", "")];
  const text = BASE.replace("def half", "# of a number\ndef half");
  assert.equal(after(text, both), text.replace("n * 2", "n / 2").replace("import os\n", ""));
});

test("what is inserted goes where it belonged", () => {
  const at = BASE.indexOf("    return n * 2");
  const docstring = [{ start: at, end: at, newText: '    """Halve."""\n' }];
  const text = `# changed\n${BASE}# the end\n`;
  assert.equal(after(text, docstring), text.replace("    return n *", '    """Halve."""\n    return n *'));
});

test("a change does not hold where its own lines were edited", () => {
  for (const text of ["n * 2.0", "2 * n", "n", ""]) {
    assert.equal(after(BASE.replace("n * 2", text)), undefined);
  }
  assert.equal(after(""), undefined);
});

test("nor where its lines stand twice now, and nobody knows which are meant", () => {
  const twice = `${BASE.replace("half", "double")}\n\n${BASE}# end\n`;
  assert.equal(after(`# changed\n${twice}`), undefined);
});

test("nor where only an empty line says where it belonged", () => {
  const line = [{ start: 10, end: 10, newText: "import sys\n" }];
  assert.equal(after(`# changed\n${BASE.replace("import os\n", "")}# end`, line), undefined);
});

test("a part of a longer line is not the line that was meant", () => {
  const text = `# 1\n${BASE.replace("    return n * 2", "    return n * 22")}# 2\n`;
  assert.equal(after(text), undefined);
});

test("a file of another system's line breaks keeps them", () => {
  const base = BASE.replaceAll("\n", "\r\n");
  const text = `# changed\r\n${base}`;
  const start = base.indexOf("n * 2");
  const found = rebased(base, text, [{ start, end: start + 5, newText: "n / 2" }]);
  assert.equal(withChanges(text, found ?? []), text.replace("n * 2", "n / 2"));
});
