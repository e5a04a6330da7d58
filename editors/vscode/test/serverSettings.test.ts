import assert from "node:assert/strict";
import { test } from "node:test";
import { needsRestart, settingsToSend, type Inspected } from "../src/core/serverSettings.ts";

function sent(values: Record<string, Inspected>): Record<string, unknown> {
  return settingsToSend(Object.keys(values), (name) => values[name]);
}

test("only what the user has set is sent, the narrowest scope first", () => {
  const values = {
    model: { globalValue: "starter" },
    maxTokens: { globalValue: 64, workspaceValue: 32 },
    device: {},
  };
  assert.deepEqual(sent(values), { model: "starter", maxTokens: 32 });
});

test("the extension's own settings are not the server's", () => {
  const set = { globalValue: "x" };
  assert.deepEqual(
    sent({ enabled: set, languages: set, "server.command": set, "trace.server": set }),
    {},
  );
});

test("an empty log file is no file", () => {
  assert.deepEqual(sent({ logFile: { globalValue: "" } }), {});
});

test("a setting that is taken back needs another server, a changed one does not", () => {
  assert.equal(needsRestart({ model: "a" }, {}), true);
  assert.equal(needsRestart({ model: "a" }, { model: "b" }), false);
  assert.equal(needsRestart({}, { model: "b" }), false);
});
