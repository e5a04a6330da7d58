import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isLanguageWanted,
  reasonForSilence,
  withLanguageToggled,
  type Wanted,
} from "../src/core/enablement.ts";

const ALL: Wanted = {
  isEnabled: true,
  languages: { "*": true },
  isInlineSuggestEnabled: true,
  snoozedUntil: 0,
};

test("nothing stands against ghost text by default", () => {
  assert.equal(reasonForSilence(ALL, "python", 0), undefined);
  assert.equal(reasonForSilence({ ...ALL, languages: {} }, "python", 0), undefined);
});

test("each way of switching it off is named", () => {
  const reasons: [Partial<Wanted>, RegExp][] = [
    [{ isEnabled: false }, /switched off/],
    [{ snoozedUntil: 10 }, /snoozed until/],
    [{ isInlineSuggestEnabled: false }, /inlineSuggest/],
    [{ languages: { python: false } }, /python/],
    [{ languages: { "*": false } }, /python/],
  ];
  for (const [wish, reason] of reasons) {
    assert.match(reasonForSilence({ ...ALL, ...wish }, "python", 9) ?? "", reason);
  }
});

test("a snooze ends by itself", () => {
  assert.equal(reasonForSilence({ ...ALL, snoozedUntil: 10 }, "python", 10), undefined);
});

test("a language's own entry goes before the star", () => {
  assert.equal(isLanguageWanted({ "*": false, python: true }, "python"), true);
  assert.equal(isLanguageWanted({ "*": true, markdown: false }, "markdown"), false);
});

test("toggling a language twice leads back, and leaves the others alone", () => {
  const before = { "*": true, markdown: false };
  const once = withLanguageToggled(before, before, "python");
  assert.deepEqual(once, { "*": true, markdown: false, python: false });
  assert.equal(isLanguageWanted(withLanguageToggled(once, once, "python"), "python"), true);
});

test("what other scopes say of a language stays with them", () => {
  const inAll = { "*": false, markdown: true };
  assert.deepEqual(withLanguageToggled({ python: true }, inAll, "markdown"), {
    python: true,
    markdown: false,
  });
});
