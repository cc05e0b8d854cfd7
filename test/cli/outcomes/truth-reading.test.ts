import assert from "node:assert/strict";
import { test } from "node:test";
import { truthReader } from "../../../src/cli/outcomes/truth-reading.ts";

const classes = { isRegression: false, labels: ["benign", "malignant", "7"] };
const regression = { isRegression: true, labels: [] };

test("a class is its label where the model has it, else an index, else a label that the server refuses", () => {
  const read = truthReader(classes, "auto");
  assert.deepEqual(
    ["malignant", "7", "1", "2.0", "-1", "0.5", "unknown", ""].map((cell) => read(cell)),
    [
      { label: "malignant" },
      { label: "7" },
      { classIndex: 1 },
      { classIndex: 2 },
      { label: "-1" },
      { label: "0.5" },
      { label: "unknown" },
      { label: "" },
    ],
  );
});

test("the truth of a regression is a number, and NaN where it is none", () => {
  const read = truthReader(regression, "auto");
  assert.deepEqual(["3", " 1e-3 ", "x", ""].map(read), [
    { value: 3 },
    { value: 0.001 },
    { value: Number.NaN },
    { value: Number.NaN },
  ]);
});

test("what the caller says wins over what the server says", () => {
  assert.deepEqual(truthReader(classes, "class")("7"), { classIndex: 7 });
  assert.deepEqual(truthReader(classes, "label")("1"), { label: "1" });
  assert.deepEqual(truthReader(classes, "value")("1"), { value: 1 });
});
