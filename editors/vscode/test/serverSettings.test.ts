import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asEnvironment,
  needsRestart,
  scopeToChange,
  settingsToSend,
  type Inspected,
} from "../src/core/serverSettings.ts";
import { commandOf, languagesOf } from "../src/core/settingValues.ts";

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

test("commands are given the settings by the names that the environment has for them", () => {
  const settings = { model: "/m", chatMaxTokens: 3, warmUp: false, exclude: ["*.x"], actions: {} };
  assert.deepEqual(asEnvironment(settings), {
    FIMBRIA_MODEL: "/m",
    FIMBRIA_CHAT_MAX_TOKENS: "3",
    FIMBRIA_WARM_UP: "false",
  });
});

test("a setting is changed where it is set, or the change would not hold", () => {
  assert.equal(scopeToChange({ globalValue: true, workspaceValue: false }), "workspace");
  assert.equal(scopeToChange({ globalValue: true }), "user");
  assert.equal(scopeToChange(undefined), "user");
});

test("a command may be written as one text, and nothing is no command", () => {
  assert.deepEqual(commandOf("/usr/bin/fimbria"), ["/usr/bin/fimbria"]);
  assert.deepEqual(commandOf(["python3", "-m", "lsp_server"]), ["python3", "-m", "lsp_server"]);
  for (const nothing of [undefined, null, "", []]) assert.deepEqual(commandOf(nothing), []);
});

test("what is no command at all is told with an example of one", () => {
  for (const wrong of [7, { command: "x" }, ["x", 7]]) {
    assert.throws(() => commandOf(wrong), /fimbria\.server\.command.*\["\/opt/);
  }
});

test("a table of languages may be anything, and what is usable of it is used", () => {
  for (const wrong of [null, "python", 7, [true]]) assert.equal("*" in languagesOf(wrong), false);
  assert.deepEqual(languagesOf({ python: false, go: "no" }), { python: false });
});
