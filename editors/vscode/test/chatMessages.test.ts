import assert from "node:assert/strict";
import { test } from "node:test";
import { readFromView } from "../src/core/chatMessages.ts";

const PLACE = { line: 0, character: 4 };
const HALF = { label: "half.py", uri: "file:///half.py", range: { start: PLACE, end: PLACE } };

test("what the view may say is taken as it is", () => {
  for (const message of [
    { kind: "ready" },
    { kind: "ask", question: "Why?" },
    { kind: "remedy", remedy: "install" },
    { kind: "askInstead", turn: 0, question: "Why not?" },
    { kind: "copyAnswer", turn: 3 },
    { kind: "openReference", reference: HALF },
    { kind: "apply", code: "x = 1", language: "" },
  ]) {
    assert.deepEqual(readFromView(message), message);
  }
});

test("anything else is nothing", () => {
  for (const message of [
    undefined,
    null,
    "ready",
    {},
    { kind: "toString" },
    { kind: "runCommand", command: "x" },
    { kind: "ask" },
    { kind: "remedy", remedy: "workbench.action.quit" },
    { kind: "ask", question: "  " },
    { kind: "askInstead", turn: -1, question: "Why?" },
    { kind: "askInstead", turn: "0", question: "Why?" },
    { kind: "copyAnswer", turn: 0.5 },
    { kind: "openReference", reference: null },
    { kind: "openReference", reference: { ...HALF, uri: 1 } },
    { kind: "openReference", reference: { ...HALF, range: { start: PLACE } } },
    { kind: "insert", code: "x = 1" },
  ]) {
    assert.equal(readFromView(message), undefined);
  }
});
