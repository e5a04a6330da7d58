import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Backoff,
  FIRST_DELAY_MS,
  LONGEST_DELAY_MS,
  MAX_ENDS_IN_A_ROW,
  STEADY_MS,
} from "../src/core/backoff.ts";

test("a server that never answered is not started again", () => {
  assert.equal(new Backoff().ended(0), undefined);
});

test("each end in a row doubles the wait, up to a limit, then it is given up", () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: MAX_ENDS_IN_A_ROW + 1 }, (_, index) => {
    backoff.started(index);
    return backoff.ended(index);
  });
  assert.equal(delays[0], FIRST_DELAY_MS);
  assert.equal(delays[1], 2 * FIRST_DELAY_MS);
  assert.equal(Math.max(...delays.slice(0, -1).map(Number)), LONGEST_DELAY_MS);
  assert.equal(delays.at(-1), undefined);
});

test("a server that cannot be started again after it ran is tried again", () => {
  const backoff = new Backoff();
  backoff.started(0);
  backoff.ended(1);
  assert.equal(backoff.ended(2), 2 * FIRST_DELAY_MS);
});

test("after a steady run the next end is a first one", () => {
  const backoff = new Backoff();
  for (const now of [0, 1, 2]) {
    backoff.started(now);
    backoff.ended(now);
  }
  backoff.started(3);
  assert.equal(backoff.ended(3 + STEADY_MS), FIRST_DELAY_MS);
});

test("the user's own start begins anew", () => {
  const backoff = new Backoff();
  backoff.started(0);
  backoff.ended(0);
  backoff.reset();
  backoff.started(1);
  assert.equal(backoff.ended(1), FIRST_DELAY_MS);
});
