import assert from "node:assert/strict";
import { test } from "node:test";
import { earlierCode, label } from "../src/core/cells.ts";

test("a question about a cell comes with the code before it, not with what follows or is empty", () => {
  assert.deepEqual(earlierCode(["import a", " \n", "a.b()", "c"], 2, String), ["import a"]);
  assert.deepEqual(earlierCode(["a"], 0, String), []);
});

test("of many cells the nearest come along", () => {
  const cells = Array.from({ length: 30 }, (_, index) => `x${index}`);
  const earlier = earlierCode(cells, 29, String);
  assert.deepEqual([earlier.length, earlier[0], earlier.at(-1)], [9, "x20", "x28"]);
});

test("the chip says which cells", () => {
  assert.equal(label("nb.ipynb", 1, 0), "nb.ipynb, cell 1");
  assert.equal(label("nb.ipynb", 2, 1), "nb.ipynb, cell 2 and one before it");
  assert.equal(label("a/nb.ipynb", 6, 4), "a/nb.ipynb, cell 6 and 4 before it");
});
