import assert from "node:assert/strict";
import { test } from "node:test";
import { proposable, withProposal } from "../src/core/proposable.ts";

const CHANGE = { textDocument: { uri: "file:///a.py", version: 3 }, edits: [{ newText: "x" }] };
const CONFIRMED = { f: { label: "Fimbria", needsConfirmation: true } };
const EDIT = { documentChanges: [CHANGE], changeAnnotations: CONFIRMED };

test("an edit of one document that wants to be confirmed is shown first", () => {
  const shown = { uri: "file:///a.py", version: 3, edits: CHANGE.edits, isNew: false };
  assert.deepEqual(proposable(EDIT), shown);
  assert.deepEqual(withProposal({ title: "Fix", edit: EDIT, kind: "quickfix" }, "show"), {
    title: "Fix",
    kind: "quickfix",
    command: { title: "Fix", command: "show", arguments: [shown] },
  });
});

test("so is a new file: VS Code's own preview would make none", () => {
  const create = { kind: "create", uri: "file:///a.py", annotationId: "f" };
  const change = { textDocument: { uri: "file:///a.py", version: null }, edits: CHANGE.edits };
  const edit = { ...EDIT, documentChanges: [create, change] };
  const shown = { uri: "file:///a.py", version: undefined, edits: CHANGE.edits, isNew: true };
  assert.deepEqual(proposable(edit), shown);
  const show = { title: "Show the file", command: "fimbria.apply", arguments: [{ show: "…" }] };
  assert.deepEqual(withProposal({ title: "Test", edit, command: show }, "show"), {
    title: "Test",
    command: { title: "Test", command: "show", arguments: [shown] },
  });
});

test("an action with a command of its own stays as it is", () => {
  const action = { title: "Fix", edit: EDIT, command: { title: "Then", command: "other" } };
  assert.equal(withProposal(action, "show"), action);
});

test("other edits go the usual way", () => {
  const create = { kind: "create", uri: "file:///test_a.py" };
  const others = [
    { ...EDIT, documentChanges: [create, CHANGE] },
    { ...EDIT, documentChanges: [create] },
    { ...EDIT, documentChanges: [CHANGE, create] },
    { ...EDIT, documentChanges: [create, create] },
    { ...EDIT, documentChanges: [] },
    { ...EDIT, changeAnnotations: { f: { label: "Fimbria" } } },
    { documentChanges: [CHANGE] },
    { changes: { "file:///a.py": [] } },
    null,
  ];
  for (const edit of others) {
    assert.equal(proposable(edit), undefined);
    assert.deepEqual(withProposal({ title: "Fix", edit }, "show"), { title: "Fix", edit });
  }
});
