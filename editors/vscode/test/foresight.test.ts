import assert from "node:assert/strict";
import { test } from "node:test";
import { Foresight } from "../src/core/foresight.ts";
import type { Place } from "../src/core/lateAnswers.ts";

const URI = "file:///a.py";

/** Where the cursor stands after so many keys in an empty text. */
function after(keys: number): Place {
  return { uri: URI, version: keys, line: 0, character: keys, selected: "" };
}

function type(foresight: Foresight, keys: number, text = "x"): void {
  const start = { line: 0, character: keys - 1 };
  foresight.changed(URI, keys, [{ start, text }]);
}

/** One key has been typed, and the editor has asked after it. */
function scene(place = after(1), isExplicit = false): Foresight {
  const foresight = new Foresight();
  type(foresight, 1);
  foresight.asks(place, isExplicit);
  return foresight;
}

test("who has asked after a key will ask after the next one, once", () => {
  const foresight = scene();
  type(foresight, 2);
  assert.equal(foresight.expects(after(2)), true);
  assert.equal(foresight.expects(after(2)), false);
});

test("who has not asked after a key is not expected to ask after the next one", () => {
  const foresight = scene();
  type(foresight, 2);
  type(foresight, 3);
  assert.equal(foresight.expects(after(3)), false);
  foresight.asks(after(3), false);
  type(foresight, 4);
  assert.equal(foresight.expects(after(4)), true);
});

test("nothing is expected where a menu has an entry selected", () => {
  const foresight = scene({ ...after(1), selected: "append" });
  type(foresight, 2);
  assert.equal(foresight.expects(after(2)), false);
});

test("an explicit wish tells nothing of the next key", () => {
  const foresight = scene(after(1), true);
  type(foresight, 2);
  assert.equal(foresight.expects(after(2)), false);
  const both = scene();
  both.asks(after(1), true); // as for an answer that came late
  type(both, 2);
  assert.equal(both.expects(after(2)), true);
});

test("without a key nothing is expected", () => {
  assert.equal(scene().expects(after(1)), false);
});

test("the cursor of the key before does not count", () => {
  const foresight = scene();
  type(foresight, 2);
  assert.equal(foresight.expects({ ...after(1), version: 2 }), false);
  assert.equal(foresight.expects(undefined), false, "several cursors, say");
  assert.equal(foresight.expects({ ...after(2), character: 9 }), false);
  assert.equal(foresight.expects({ ...after(2), uri: "file:///b.py" }), false);
  assert.equal(foresight.expects(after(2)), true);
});

test("a bracket that the editor closes by itself has the cursor inside", () => {
  const foresight = scene();
  type(foresight, 2, "()");
  assert.equal(foresight.expects(after(2)), true);
});

test("what is deleted, undone or changed in several places is left to the editor", () => {
  const start = { line: 0, character: 1 };
  for (const changes of [[], [{ start, text: "" }], [1, 2].map(() => ({ start, text: "x" }))]) {
    const foresight = scene();
    foresight.changed(URI, 2, changes);
    assert.equal(foresight.expects(after(2)), false);
  }
});
