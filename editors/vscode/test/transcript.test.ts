import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answered,
  asked,
  EMPTY,
  ended,
  isBusy,
  progressed,
  restored,
  type Transcript,
} from "../src/core/transcript.ts";

const HALF = { label: "half.py", uri: "file:///half.py" };
const ASKED = asked(EMPTY, "Why?", [HALF]);

function last(transcript: Transcript): unknown {
  const turn = transcript.turns.at(-1);
  return turn === undefined ? undefined : [turn.answer, turn.state, turn.problem];
}

test("an answer grows, then the response says how it ended", () => {
  const references = [{ uri: HALF.uri, problem: "cut at line 100" }];
  const begin = { kind: "begin", conversation: "c1", title: "Why?", references } as const;
  const begun = progressed(ASKED, begin);
  assert.equal(begun.conversation, "c1");
  assert.equal(begun.turns[0]?.references[0]?.problem, "cut at line 100");
  const grown = progressed(progressed(begun, { kind: "text", text: "Be" }), {
    kind: "text",
    text: "cause",
  });
  assert.deepEqual(last(grown), ["Because", "growing", ""]);
  assert.equal(isBusy(grown), true);
  const answer = { content: "Because.", ending: "length" };
  const done = answered(grown, { conversation: "c1", title: "Why?", answer });
  assert.deepEqual(last(done), ["Because.", "cut", ""]);
  assert.equal(isBusy(done), false);
});

test("what was written before an answer was stopped or failed stays", () => {
  const grown = progressed(ASKED, { kind: "text", text: "Be" });
  assert.deepEqual(last(ended(grown, "stopped", "")), ["Be", "stopped", ""]);
  assert.deepEqual(last(ended(grown, "failed", "no model")), ["Be", "failed", "no model"]);
});

test("what comes after the end changes nothing", () => {
  const stopped = ended(ASKED, "stopped", "");
  assert.equal(ended(stopped, "failed", "late"), stopped);
  assert.deepEqual(last(progressed(stopped, { kind: "text", text: "late" })), ["", "stopped", ""]);
  assert.equal(ended(EMPTY, "stopped", ""), EMPTY);
});

test("a kept conversation comes back with its references and endings", () => {
  const kept = restored({
    conversation: "c1",
    title: "Halves",
    messages: [
      { role: "user", content: "Why?", references: [{ uri: "file:///a%20b/half.py" }] },
      { role: "assistant", content: "Because", ending: "aborted" },
      { role: "user", content: "And?" },
    ],
  });
  assert.equal(kept.turns[0]?.references[0]?.label, "half.py");
  assert.deepEqual(
    kept.turns.map(({ answer, state }) => [answer, state]),
    [
      ["Because", "stopped"],
      ["", "failed"],
    ],
  );
  assert.match(kept.turns[1]?.problem ?? "", /not answered/);
});
