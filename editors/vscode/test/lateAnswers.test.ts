import assert from "node:assert/strict";
import { test } from "node:test";
import { LateAnswers, type Patience, type Place } from "../src/core/lateAnswers.ts";

const HERE: Place = { uri: "file:///a.py", version: 3, line: 1, character: 4, selected: "" };
const LATER_TEXT: Place = { ...HERE, version: 4, character: 5 };

class Editor {
  place: Place | undefined = HERE;
  numShown = 0;

  cursor = (): Place | undefined => this.place;
  show = (): void => {
    this.numShown += 1;
  };
}

/** A model that answers when the test says so. */
class SlowModel {
  readonly signals: AbortSignal[] = [];
  readonly #answers: ((answer: string[] | null) => void)[] = [];

  ask = (signal: AbortSignal): Promise<string[] | null> => {
    this.signals.push(signal);
    return new Promise((resolve) => this.#answers.push(resolve));
  };

  answer(index: number, answer: string[] | null): void {
    this.#answers[index]?.(answer);
  }
}

class Waiting implements Patience {
  isOver = false;
  readonly #calls: (() => void)[] = [];

  whenOver(call: () => void): void {
    this.#calls.push(call);
  }

  end(): void {
    this.isOver = true;
    for (const call of this.#calls) call();
  }
}

function scene(): { editor: Editor; model: SlowModel; late: LateAnswers<string[]> } {
  const editor = new Editor();
  const model = new SlowModel();
  return { editor, model, late: new LateAnswers(editor, (answer) => answer.length === 0) };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("an answer in time is handed on and nothing else happens", async () => {
  const { editor, model, late } = scene();
  const answer = late.provide(HERE, false, new Waiting(), model.ask);
  model.answer(0, ["x"]);
  assert.deepEqual(await answer, ["x"]);
  await settled();
  assert.equal(editor.numShown, 0);
});

test("an answer after the editor's patience makes it ask again, and is there then", async () => {
  const { editor, model, late } = scene();
  const patience = new Waiting();
  const first = late.provide(HERE, false, patience, model.ask);
  patience.end();
  assert.equal(await first, null);
  assert.equal(model.signals[0]?.aborted, false);
  model.answer(0, ["late"]);
  await settled();
  assert.equal(editor.numShown, 1);
  assert.deepEqual(await late.provide(HERE, true, new Waiting(), model.ask), ["late"]);
  assert.equal(model.signals.length, 1);
});

test("a late answer is handed out once: who asks again wants all candidates", async () => {
  const { model, late } = scene();
  const patience = new Waiting();
  const first = late.provide(HERE, false, patience, model.ask);
  patience.end();
  await first;
  model.answer(0, ["late"]);
  await settled();
  assert.deepEqual(await late.provide(HERE, true, new Waiting(), model.ask), ["late"]);
  const explicit = late.provide(HERE, true, new Waiting(), model.ask);
  model.answer(1, ["late", "second"]);
  assert.deepEqual(await explicit, ["late", "second"]);
});

test("typing ends the work, and its answer is not shown", async () => {
  const { editor, model, late } = scene();
  const patience = new Waiting();
  const first = late.provide(HERE, false, patience, model.ask);
  patience.end();
  await first;
  editor.place = LATER_TEXT;
  late.moved();
  assert.equal(model.signals[0]?.aborted, true);
  model.answer(0, ["late"]);
  await settled();
  assert.equal(editor.numShown, 0);
});

test("a cursor event at the same place ends nothing", () => {
  const { model, late } = scene();
  void late.provide(HERE, false, new Waiting(), model.ask);
  late.moved();
  assert.equal(model.signals[0]?.aborted, false);
});

test("another editor in front ends the work", () => {
  const { editor, model, late } = scene();
  void late.provide(HERE, false, new Waiting(), model.ask);
  editor.place = undefined;
  late.moved();
  assert.equal(model.signals[0]?.aborted, true);
});

test("asking twice for one place asks the model once", async () => {
  const { model, late } = scene();
  const patience = new Waiting();
  const first = late.provide(HERE, false, patience, model.ask);
  patience.end();
  const second = late.provide(HERE, false, new Waiting(), model.ask);
  model.answer(0, ["x"]);
  assert.deepEqual([await first, await second], [null, ["x"]]);
  assert.equal(model.signals.length, 1);
});

test("what was answered in time is asked anew: the model may know more by now", async () => {
  const { model, late } = scene();
  const first = late.provide(HERE, false, new Waiting(), model.ask);
  model.answer(0, null);
  await first;
  void late.provide(HERE, false, new Waiting(), model.ask);
  assert.equal(model.signals.length, 2);
});

test("what was begun ahead is what the editor gets when it asks, once", async () => {
  const { model, late } = scene();
  late.ahead(HERE, model.ask);
  model.answer(0, ["x"]);
  await settled();
  assert.deepEqual(await late.provide(HERE, false, new Waiting(), model.ask), ["x"]);
  assert.equal(model.signals.length, 1);
  void late.provide(HERE, false, new Waiting(), model.ask);
  assert.equal(model.signals.length, 2); // the model may know more by now
});

test("the editor waits for what was begun ahead", async () => {
  const { model, late } = scene();
  late.ahead(HERE, model.ask);
  const answer = late.provide(HERE, false, new Waiting(), model.ask);
  model.answer(0, ["x"]);
  assert.deepEqual(await answer, ["x"]);
  assert.equal(model.signals.length, 1);
});

test("what was begun ahead and takes too long is shown when it is there", async () => {
  const { editor, model, late } = scene();
  late.ahead(HERE, model.ask);
  const patience = new Waiting();
  const answer = late.provide(HERE, false, patience, model.ask);
  patience.end();
  assert.equal(await answer, null);
  model.answer(0, ["late"]);
  await settled();
  assert.equal(editor.numShown, 1);
  assert.deepEqual(await late.provide(HERE, true, new Waiting(), model.ask), ["late"]);
});

test("nobody is shown what was begun ahead and never asked for", async () => {
  const { editor, model, late } = scene();
  late.ahead(HERE, model.ask);
  model.answer(0, ["x"]);
  await settled();
  assert.equal(editor.numShown, 0);
});

test("what was begun ahead for nothing is asked anew", async () => {
  const { model, late } = scene();
  late.ahead(HERE, model.ask);
  model.answer(0, null);
  await settled();
  const answer = late.provide(HERE, false, new Waiting(), model.ask);
  model.answer(1, ["x"]);
  assert.deepEqual(await answer, ["x"]);
  late.ahead(LATER_TEXT, () => Promise.reject(new Error("gone")));
  await settled();
  void late.provide(LATER_TEXT, false, new Waiting(), model.ask);
  assert.equal(model.signals.length, 3);
});

test("the next key ends what was begun ahead", () => {
  const { editor, model, late } = scene();
  late.ahead(HERE, model.ask);
  late.ahead(HERE, model.ask);
  assert.equal(model.signals.length, 1);
  editor.place = LATER_TEXT;
  late.moved();
  assert.equal(model.signals[0]?.aborted, true);
});

test("an explicit wish does not get what was begun ahead: it wants all candidates", async () => {
  const { model, late } = scene();
  late.ahead(HERE, model.ask);
  model.answer(0, ["x"]);
  await settled();
  void late.provide(HERE, true, new Waiting(), model.ask);
  assert.equal(model.signals.length, 2);
});

test("an explicit wish asks anew: it wants all candidates", async () => {
  const { model, late } = scene();
  void late.provide(HERE, false, new Waiting(), model.ask);
  const explicit = late.provide(HERE, true, new Waiting(), model.ask);
  model.answer(1, ["x", "y"]);
  assert.deepEqual(await explicit, ["x", "y"]);
  assert.equal(model.signals[0]?.aborted, true);
});

test("another entry of the completion menu is another question", () => {
  const { model, late } = scene();
  void late.provide(HERE, false, new Waiting(), model.ask);
  void late.provide({ ...HERE, selected: "append" }, false, new Waiting(), model.ask);
  assert.equal(model.signals.length, 2);
  assert.equal(model.signals[0]?.aborted, true);
});

for (const nothing of [[], null]) {
  test(`a late ${JSON.stringify(nothing)} is not shown`, async () => {
    const { editor, model, late } = scene();
    const patience = new Waiting();
    const first = late.provide(HERE, false, patience, model.ask);
    patience.end();
    await first;
    model.answer(0, nothing);
    await settled();
    assert.equal(editor.numShown, 0);
  });
}

test("patience that ends again during the second asking does not show it a second time", async () => {
  const { editor, model, late } = scene();
  for (let asked = 0; asked < 2; asked += 1) {
    const patience = new Waiting();
    const answer = late.provide(HERE, false, patience, model.ask);
    patience.end();
    await answer;
  }
  model.answer(0, ["late"]);
  await settled();
  assert.equal(editor.numShown, 1);
});

test("a model that fails late is nobody's error", async () => {
  const { editor, late } = scene();
  const patience = new Waiting();
  patience.end();
  const failing = (): Promise<string[]> => Promise.reject(new Error("gone"));
  assert.equal(await late.provide(HERE, false, patience, failing), null);
  await settled();
  assert.equal(editor.numShown, 0);
});
