import assert from "node:assert/strict";
import { it } from "node:test";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";

const read = (text: string) => readMonitorConfig(`changes: [${text}]`).changes;

it("watches confidence and error by ADWIN where nothing is written, and nothing where an empty list is", () => {
  assert.deepEqual(
    readMonitorConfig("").changes.map(({ method, signal }) => `${method} ${signal}`),
    ["adwin confidence", "adwin error"],
  );
  assert.deepEqual(read(""), []);
});

it("reads each method with its own settings", () => {
  assert.deepEqual(
    read(`
      { signal: output_share, label: 7, minChange: 0.1 },
      { method: page_hinkley, signal: value, threshold: 20 },
      { method: ewma, signal: latency, averageOf: 100 },
      { method: threshold, signal: value, label: 1, above: 3, below: -3 }`),
    [
      { method: "adwin", delta: 0.002, minChange: 0.1, minRatio: 0, signal: "output_share", label: "7", averageOf: 1 },
      {
        ...{ method: "page_hinkley", delta: 0.5, threshold: 20, baseline: 300 },
        ...{ signal: "value", label: "", averageOf: 1 },
      },
      { method: "ewma", weight: 0.2, limit: 4, baseline: 300, signal: "latency", label: "", averageOf: 100 },
      { method: "threshold", above: 3, below: -3, signal: "value", label: "1", averageOf: 1 },
    ],
  );
});

it("refuses what has no meaning, naming what has", () => {
  assert.throws(() => read("{ method: adwin }"), /changes\[0\]\.signal is empty, expected error, confidence/);
  assert.throws(
    () => read("{ signal: output_share }"),
    /changes\[0\]\.label is empty, expected the label of the class/,
  );
  assert.throws(() => read("{ signal: value, label: price }"), /expected the index of a predicted number/);
  assert.throws(() => read("{ signal: error, label: cat }"), /unknown key 'label'/);
  assert.throws(() => read("{ signal: error, method: threshold }"), /above is empty, expected a number/);
  assert.throws(() => read("{ signal: error, method: threshold, above: 1, below: 2 }"), /below is 2, expected at most/);
  assert.throws(() => read("{ signal: error, above: 1 }"), /unknown key 'above'/);
});
