import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answered,
  asked,
  askedInstead,
  asMarkdown,
  EMPTY,
  ended,
  isBusy,
  lastQuestion,
  progressed,
  restored,
  stopped,
  stoppedLater,
  toTell,
  type Transcript,
} from "../src/core/transcript.ts";

const HALF = { label: "half.py", uri: "file:///half.py" };
const BEGIN = {
  kind: "begin",
  conversation: "c1",
  title: "Why?",
  question: "q1",
  references: [],
} as const;
const RESPONSE = { conversation: "c1", title: "Why?", question: "q1" };
const ASKED = asked(EMPTY, "Why?", [HALF]);

function last(transcript: Transcript): unknown {
  const turn = transcript.turns.at(-1);
  return turn === undefined ? undefined : [turn.answer, turn.state, turn.problem];
}

test("an answer grows, then the response says how it ended", () => {
  const references = [{ uri: HALF.uri, problem: "cut at line 100" }];
  const begin = { ...BEGIN, references };
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
  const done = answered(grown, { ...RESPONSE, answer });
  assert.deepEqual(last(done), ["Because.", "cut", ""]);
  assert.equal(isBusy(done), false);
});

test("what has to be told is that an answer begins or ends, or a conversation is left", () => {
  const answer = { content: "Because.", ending: "end" };
  const done = answered(ASKED, { ...RESPONSE, answer });
  assert.equal(toTell(EMPTY, ASKED), "began");
  assert.equal(toTell(ASKED, done), "ended");
  assert.equal(toTell(done, done), undefined);
  assert.equal(toTell(done, EMPTY), "left");
  assert.equal(toTell(EMPTY, done), undefined); // the page is drawn anew
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
      { id: "q1", role: "user", content: "Why?", references: [{ uri: "file:///a%20b/half.py" }] },
      { id: "a1", role: "assistant", content: "Because", ending: "aborted" },
      { id: "q2", role: "user", content: "And?" },
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

const THREE = restored({
  conversation: "c1",
  title: "Numbers",
  messages: [
    { id: "q1", role: "user", content: "one?", references: [{ uri: HALF.uri }] },
    { id: "a1", role: "assistant", content: "1" },
    { id: "q2", role: "user", content: "two?" },
    { id: "a2", role: "assistant", content: "2" },
    { id: "q3", role: "user", content: "three?" },
    { id: "a3", role: "assistant", content: "3" },
  ],
});

function questions({ turns }: Transcript): string[] {
  return turns.map(({ question }) => question);
}

test("a question in the place of an earlier one comes with the same references", () => {
  const instead = askedInstead(THREE, 0, "uno?");
  assert.deepEqual(questions(instead), ["uno?"]);
  assert.deepEqual(lastQuestion(instead), {
    conversation: "c1",
    message: "uno?",
    replaces: "q1",
    references: [{ uri: HALF.uri, range: undefined, diagnostic: undefined }],
  });
  const begun = progressed(instead, { ...BEGIN, question: "q4" });
  const done = answered(begun, {
    ...RESPONSE,
    question: "q4",
    answer: { content: "I", ending: "stop" },
  });
  assert.deepEqual(questions(done), ["uno?"]);
  const further = asked(done, "due?", []);
  assert.deepEqual(lastQuestion(further), {
    conversation: "c1",
    message: "due?",
    replaces: undefined,
    references: [],
  });
  assert.deepEqual(
    further.turns.map(({ id }) => id),
    ["q4", undefined],
  );
});

test("nothing is taken back before the first words", () => {
  const begun = progressed(askedInstead(THREE, 1, "zwei?"), { ...BEGIN, question: "q4" });
  const silent = progressed(begun, { kind: "text", text: "\n " });
  const failed = ended(silent, "failed", "no model");
  assert.deepEqual(questions(failed), ["one?", "two?", "three?", "zwei?"]);
  assert.deepEqual(last(failed), ["\n ", "failed", "no model"]);
  const speaking = progressed(silent, { kind: "text", text: "2" });
  assert.deepEqual(questions(ended(speaking, "stopped", "")), ["one?", "zwei?"]);
});

test("what failed is asked again in the place that it was meant for", () => {
  const failed = ended(askedInstead(THREE, 1, "zwei?"), "failed", "no model");
  const again = askedInstead(failed, 3, "zwei?");
  assert.deepEqual(questions(again), ["one?", "zwei?"]);
  assert.equal(again.turns.at(-1)?.replaces, "q2");
  const twice = ended(again, "failed", "no model");
  assert.deepEqual(questions(twice), ["one?", "two?", "three?", "zwei?"]);
});

test("a question that the server never had takes back those that followed it", () => {
  const unknown = ended(ASKED, "failed", "no model");
  const begun = progressed(asked(unknown, "And?", []), BEGIN);
  const known = answered(begun, { ...RESPONSE, answer: { content: "So.", ending: "stop" } });
  const again = askedInstead(known, 0, "Why not?");
  assert.deepEqual(questions(again), ["Why not?"]);
  assert.equal(again.turns[0]?.replaces, "q1");
  assert.equal(askedInstead(unknown, 0, "Why not?").turns[0]?.replaces, undefined);
  assert.equal(askedInstead(known, 7, "?"), known);
});

test("a conversation as Markdown", () => {
  const failed = ended(asked(THREE, "four?", []), "failed", "no model");
  const text = asMarkdown({ ...failed, turns: failed.turns.slice(-2) });
  assert.equal(
    text,
    "# Numbers\n\n## You\n\nthree?\n\n## Fimbria\n\n3\n\n## You\n\nfour?\n\n## Fimbria\n\nno model\n",
  );
});

test("a name that is no address of a file is shown as it is", () => {
  const references = [{ uri: "file:///100%" }];
  const messages = [{ id: "q1", role: "user", content: "?", references }] as const;
  const kept = restored({ conversation: "c1", title: "", messages });
  assert.equal(kept.turns[0]?.references[0]?.label, "100%");
});

test("what was on its way when an answer was stopped is shown as the server keeps it", () => {
  const there = answered(ASKED, { ...RESPONSE, answer: { content: "So.", ending: "stop" } });
  const again = askedInstead(there, 0, "Why not?");
  const begin = { ...BEGIN, question: "q2" };
  const atStop = stopped(progressed(again, begin));
  assert.deepEqual(
    atStop.shown.turns.map(({ question }) => question),
    ["Why?", "Why not?"],
  );
  const later = stoppedLater(atStop, { kind: "text", text: "Be" });
  assert.deepEqual(
    later.shown.turns.map(({ id, question, answer, state }) => [id, question, answer, state]),
    [["q2", "Why not?", "Be", "stopped"]],
  );
  const beginOnly = stoppedLater(stopped(again), begin);
  assert.equal(beginOnly.shown.turns.length, 2);
});
