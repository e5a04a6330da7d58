import assert from "node:assert/strict";
import { test } from "node:test";
import { modelOfStatus, modelsOfList } from "../src/core/daemons.ts";
import { Latencies } from "../src/core/latencies.ts";
import { NOTHING_KNOWN, shown, tooltipLines, type Facts } from "../src/core/status.ts";

const READY: Facts = { ...NOTHING_KNOWN, server: "running" };

test("what is shown is what matters most", () => {
  const loading = { message: "reading weights", percentage: 41.6 };
  const cases: [Partial<Facts>, RegExp, RegExp][] = [
    [{}, /sparkle/, /ready/],
    [{ isThinking: true }, /loading~spin/, /thinking/],
    [{ isThinking: true, failure: "no such model" }, /warning/, /no such model/],
    [{ failure: "x", silence: "snoozed until 10:00" }, /pause/, /snoozed until 10:00/],
    [{ silence: "off", loading }, /42 %/, /reading weights/],
    [{ loading, server: "restarting" }, /spin/, /started again/],
    [{ loading, server: "starting" }, /spin/, /starting/],
    [{ server: "missing" }, /warning/, /not installed/],
    [{ server: "ended", failure: "spawn ENOENT" }, /error/, /spawn ENOENT/],
  ];
  for (const [facts, icon, words] of cases) {
    const { text, label } = shown({ ...READY, ...facts });
    assert.match(text, icon);
    assert.match(label, words);
  }
});

test("the tooltip tells the model's figures that are known", () => {
  assert.deepEqual(tooltipLines(READY), ["Fimbria is ready"]);
  const model = { name: "starter", device: "cpu", isLoaded: true, reuse: 0.987 };
  const reticence = "starter knows Python";
  const latency = { median: 8.26, last: 120.4 };
  const lines = tooltipLines({ ...READY, model, reticence, latency });
  assert.deepEqual(lines.slice(1), [
    "Model: starter",
    "Device: cpu",
    "starter knows Python",
    "Answers: 120 ms last, 8.3 ms in the middle",
    "Prompt tokens from the cache: 99 %",
  ]);
});

test("the tooltip tells nothing of a server that is no more", () => {
  const model = { name: "starter", device: "cpu", isLoaded: true, reuse: 0.9 };
  const latency = { median: 8, last: 10_453 };
  const failure = "the server cannot be started";
  const facts: Facts = { ...READY, server: "ended", failure, model, latency, reticence: "x" };
  assert.deepEqual(tooltipLines(facts), ["Fimbria: the server cannot be started"]);
});

test("latencies forget what is long ago", () => {
  const latencies = new Latencies();
  assert.equal(latencies.summary(), undefined);
  for (let index = 0; index < 100; index += 1) latencies.add(index < 50 ? 1000 : 10);
  latencies.add(30);
  assert.deepEqual(latencies.summary(), { median: 10, last: 30 });
});

const STARTER = {
  model: "starter",
  folder: "/m/starter",
  device: "cpu",
  state: "ready",
  prompt_tokens: 200,
  cached_tokens: 150,
};

test("the daemon of the chosen model is the one that is told about", () => {
  const other = { model: "CodeLlama", folder: "/m/cl", device: "cuda:0", state: "loading" };
  const text = JSON.stringify({ daemons: [STARTER, other] });
  assert.deepEqual(modelOfStatus(text, "starter"), {
    name: "starter",
    device: "cpu",
    isLoaded: true,
    reuse: 0.75,
  });
  assert.equal(modelOfStatus(text, "/m/cl")?.device, "cuda:0");
  assert.equal(modelOfStatus(text, "CodeLlama")?.reuse, undefined);
  assert.equal(modelOfStatus(text, "CodeLlama")?.isLoaded, false);
});

test("another window's model is not told about", () => {
  const one = JSON.stringify({ daemons: [STARTER] });
  const two = JSON.stringify({ daemons: [STARTER, { ...STARTER, model: "CodeLlama" }] });
  assert.equal(modelOfStatus(one, "CodeLlama"), undefined);
  assert.equal(modelOfStatus(two, ""), undefined);
  assert.equal(modelOfStatus(one, "")?.name, "starter");
});

test("output that is not what was expected tells nothing", () => {
  for (const text of ["", "[]", "{}", '{"daemons": [1]}', '{"daemons": [{"model": null}]}']) {
    assert.equal(modelOfStatus(text, ""), undefined);
  }
  assert.deepEqual(modelsOfList("Traceback"), []);
});

test("models are listed with what they can do", () => {
  const text = JSON.stringify([
    { name: "starter", family: "code_llama", context_length: 1024, in_use: true, problem: null },
  ]);
  assert.deepEqual(modelsOfList(text), [
    { name: "starter", detail: "code_llama · 1024 tokens of context", isInUse: true },
  ]);
});
