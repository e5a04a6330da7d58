import assert from "node:assert/strict";
import { test } from "node:test";
import { CatchingUp } from "../src/core/catchingUp.ts";
import type { Place } from "../src/core/lateAnswers.ts";

const URI = "file:///a.py";

function at(line: number, character: number, version = 2): Place {
  return { uri: URI, version, line, character, selected: "" };
}

/** Somebody has typed `x` behind the fourth character of the first line. */
function typed(): CatchingUp {
  const catching = new CatchingUp();
  catching.changed(URI, 2, [{ start: { line: 0, character: 4 }, text: "x" }]);
  catching.moved(at(0, 5));
  return catching;
}

test("what was typed and not answered is asked for, once, as if it were being typed", () => {
  const catching = typed();
  assert.equal(catching.begin(at(0, 5)), true);
  assert.equal(catching.takes(at(0, 5)), true);
  assert.equal(catching.takes(at(0, 5)), false);
});

test("a request that failed was no answer; one that came was", () => {
  const catching = typed();
  catching.takes(at(0, 5));
  assert.equal(catching.begin(at(0, 5)), true);
  catching.answered(at(0, 5));
  assert.equal(catching.begin(at(0, 5)), false);
});

test("what was hidden can be wanted again", () => {
  const catching = typed();
  catching.answered(at(0, 5));
  catching.again();
  assert.equal(catching.begin(at(0, 5)), true);
});

test("the editor may move the cursor into what it completed, such as brackets", () => {
  const catching = new CatchingUp();
  catching.changed(URI, 2, [{ start: { line: 0, character: 4 }, text: "()" }]);
  catching.moved(at(0, 5));
  assert.equal(catching.begin(at(0, 5)), true);
});

test("a new line with its indentation is a place, too", () => {
  for (const lineBreak of ["\n", "\r\n"]) {
    const catching = new CatchingUp();
    catching.changed(URI, 2, [{ start: { line: 0, character: 4 }, text: `${lineBreak}    ` }]);
    catching.moved(at(1, 4));
    assert.equal(catching.begin(at(1, 4)), true);
  }
});

test("where the cursor went away and came back nothing is asked for", () => {
  const elsewhere = [at(7, 0), at(0, 4), { ...at(0, 5), uri: "file:///b.py" }, undefined];
  for (const place of elsewhere) {
    const catching = typed();
    catching.moved(place);
    catching.moved(at(0, 5));
    assert.equal(catching.begin(at(0, 5)), false);
  }
});

test("a change that happened elsewhere is not what somebody types at the cursor", () => {
  const catching = new CatchingUp();
  catching.changed(URI, 2, [{ start: { line: 9, character: 0 }, text: "formatted" }]);
  assert.equal(catching.begin(at(0, 5)), false);
  const several = new CatchingUp();
  const changes = [4, 2].map((character) => ({ start: { line: 0, character }, text: "x" }));
  several.changed(URI, 2, changes);
  assert.equal(several.begin(at(0, 5)), false);
});

test("the text of another version is another text", () => {
  assert.equal(typed().begin(at(0, 5, 3)), false);
});

test("an editor that asked for nothing is not expected to after the cursor has moved", () => {
  const catching = typed();
  catching.begin(at(0, 5));
  catching.moved(at(7, 0));
  assert.equal(catching.takes(at(0, 5)), false);
});

test("nor once it says that it is done: the next wish there is the user's own", () => {
  const catching = typed();
  catching.begin(at(0, 5));
  catching.end();
  assert.equal(catching.takes(at(0, 5)), false);
});
