import assert from "node:assert/strict";
import { test } from "node:test";
import { proposable, withProposal } from "../src/core/proposable.ts";

const CHANGE = { textDocument: { uri: "file:///a.py", version: 3 }, edits: [{ newText: "x" }] };
const CONFIRMED = { f: { label: "Fimbria", needsConfirmation: true } };
const EDIT = { documentChanges: [CHANGE], changeAnnotations: CONFIRMED };

test("an edit of one document that wants to be confirmed is shown first", () => {
  const shown = { uri: "file:///a.py", version: 3, edits: CHANGE.edits };
  assert.deepEqual(proposable(EDIT), shown);
  assert.deepEqual(withProposal({ title: "Fix", edit: EDIT, kind: "quickfix" }, "show"), {
    title: "Fix",
    kind: "quickfix",
    command: { title: "Fix", command: "show", arguments: [shown] },
  });
});

test("other edits go the usual way", () => {
  const create = { kind: "create", uri: "file:///test_a.py" };
  const others = [
    { ...EDIT, documentChanges: [create, CHANGE] },
    { ...EDIT, documentChanges: [create] },
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
