import assert from "node:assert/strict";
import { test } from "node:test";
import type { Server } from "../src/core/discovery.ts";
import { whyItDoesNotRun } from "../src/core/lastWords.ts";

const SETTING = ", which the setting fimbria.server.command names";

function set(command: string): Server {
  return { command, args: [], origin: "the setting fimbria.server.command", isSet: true };
}

test("a program that is not there is told with the setting that names it", () => {
  const why = whyItDoesNotRun(set("/nonexistent"), "none", undefined);
  assert.equal(why, `there is no program /nonexistent${SETTING}`);
});

test("a program that ends without a word is told with how it ended", () => {
  const ended = whyItDoesNotRun(set("/bin/false"), "runnable", { status: 1, signal: null });
  assert.equal(ended, `/bin/false${SETTING}, ended with status 1`);
  const killed = { status: null, signal: "SIGKILL" };
  const found = { ...set("/usr/bin/fimbria"), isSet: false };
  assert.equal(whyItDoesNotRun(found, "runnable", killed), "/usr/bin/fimbria ended by SIGKILL");
});

test("what cannot be run is told", () => {
  const why = whyItDoesNotRun(set("/etc/passwd"), "notRunnable", undefined);
  assert.equal(why, `/etc/passwd${SETTING}, is no program that can be run`);
});

test("a command line in one text is told to be a list, without what is added to it", () => {
  const cases = {
    "/opt/bin/fimbria lsp": '["/opt/bin/fimbria"]',
    "python -m lsp_server": '["python", "-m", "lsp_server"]',
  };
  for (const [command, list] of Object.entries(cases)) {
    const why = whyItDoesNotRun(set(command), "none", undefined);
    assert.ok(why.endsWith(`have to be a list, here perhaps ${list}`), why);
  }
});

test("where the program is there and did not start, the system has to say why", () => {
  assert.equal(whyItDoesNotRun(set("/bin/true"), "runnable", undefined), "");
});
