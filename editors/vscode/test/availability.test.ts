import assert from "node:assert/strict";
import { test } from "node:test";
import { fromFailure, fromStatus, problemOf, withoutServer } from "../src/core/availability.ts";

function failure(code: number, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test("the settings that bring chat are named as they are called here", () => {
  const whyNot =
    "starter does not chat: set chat_model to an Instruct model, such as a/chat_model, or " +
    "chat_endpoint to the URL of an engine.";
  assert.deepEqual(fromStatus({ isAvailable: false, whyNot }), {
    isAvailable: false,
    whyNot:
      "starter does not chat: set fimbria.chatModel to an Instruct model, such as a/chat_model, or " +
      "fimbria.chatEndpoint to the URL of an engine.",
    remedies: ["settings"],
  });
  const told = failure(-32803, "Nobody answers there. Start it, or correct chat_endpoint.");
  assert.equal(problemOf(told), "Nobody answers there. Start it, or correct fimbria.chatEndpoint.");
});

test("where chats can be answered there is nothing to be done", () => {
  assert.deepEqual(fromStatus({ isAvailable: true, whyNot: "" }).remedies, []);
});

test("without a server it is offered what helps: to install it, to set it right, to start it", () => {
  assert.deepEqual(withoutServer(() => undefined), {
    isAvailable: false,
    whyNot: "Fimbria's server is not installed.",
    remedies: ["install", "setting"],
  });
  assert.deepEqual(withoutServer(() => ({ command: "fimbria" })).remedies, ["restart", "log"]);
  const wrong = withoutServer(() => {
    throw new Error("fimbria.server.command is no list.");
  });
  assert.match(wrong.whyNot, /server\.command is no list\.$/);
  assert.deepEqual(wrong.remedies, ["setting"]);
});

test("only a server that knows no chats is said to know none", () => {
  assert.match(fromFailure(failure(-32601, "Method Not Found")).whyNot, /does not chat/);
  for (const gone of [failure(-32097, "Pending response rejected"), new Error("Connection is disposed.")]) {
    assert.equal(fromFailure(gone).whyNot, "Fimbria's server has ended meanwhile. Ask again when it is there.");
    assert.deepEqual(fromFailure(gone).remedies, ["restart", "log"]);
  }
  assert.equal(fromFailure(failure(-32803, "The disk is full.")).whyNot, "The disk is full.");
});

test("an answer that a server's end cuts off is told in words", () => {
  const disposed = failure(2, "Connection is disposed.");
  assert.equal(problemOf(disposed), "Fimbria's server has ended meanwhile. Ask again when it is there.");
});
