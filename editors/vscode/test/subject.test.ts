import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsFor } from "../src/core/subject.ts";

test("a definition is named, with its lines", () => {
  assert.equal(wordsFor({ name: "mean", isWhole: true, lines: [1, 5] }), "mean, lines 2–6");
});

test("lines of a definition, and those of none", () => {
  assert.equal(wordsFor({ name: "mean", isWhole: false, lines: [2, 3] }), "lines 3–4 of mean");
  assert.equal(wordsFor({ name: "", isWhole: false, lines: [0, 0] }), "line 1");
});

test("nothing where the server did not say", () => {
  assert.equal(wordsFor(undefined), undefined);
});
