import assert from "node:assert/strict";
import { it } from "node:test";
import { readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";

const read = (text: string) => readMonitorConfig(`anomaly: { ${text} }`).anomaly;

it("has a default for everything", () => {
  const nothing = { detector: "auto", model: undefined, threshold: undefined, quantile: 0.99, timeoutMs: 50, seed: 0 };
  assert.deepEqual(readMonitorConfig("").anomaly, nothing);
});

it("takes a model by its name", () => {
  const model = { name: "forest", version: "", output: "scores", isLowAnomalous: true };
  assert.deepEqual(read("name: forest, output: scores, lowIsAnomalous: true").model, model);
  assert.equal(read("detector: model, name: forest, version: 2").model?.version, "2");
});

it("refuses what has no meaning, naming what has", () => {
  assert.throws(() => read("detector: model"), /anomaly\.name is empty, expected the name of the model/);
  assert.throws(() => read("detector: halfspace"), /expected auto, mahalanobis, half_space_trees/);
  assert.throws(() => read("detector: mahalanobis, output: scores"), /unknown key 'output'/);
  assert.throws(() => read("quantile: 1"), /anomaly\.quantile is 1, expected a number from 0\.5 to 0\.9999/);
});
