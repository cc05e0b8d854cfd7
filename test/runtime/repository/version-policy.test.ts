import assert from "node:assert/strict";
import { it } from "node:test";
import type { ModelConfig } from "../../../src/model/model-config.ts";
import { chosenVersions } from "../../../src/runtime/repository/version-policy.ts";

const available = ["10", "2", "1"];
const cases: readonly [string, ModelConfig["version_policy"], readonly string[]][] = [
  ["nothing written: the latest", undefined, ["10"]],
  ["latest without a number: one", { latest: {} }, ["10"]],
  ["the latest two, by number and not by text", { latest: { num_versions: 2 } }, ["2", "10"]],
  ["more than there are", { latest: { num_versions: 9 } }, ["1", "2", "10"]],
  ["all", { all: {} }, ["1", "2", "10"]],
  ["specific ones, in order", { specific: { versions: [10, 1, 7] } }, ["1", "10"]],
  ["specific ones that are not there", { specific: { versions: [7] } }, []],
  ["specific without any", { specific: {} }, []],
];
for (const [name, policy, expected] of cases)
  it(name, () => assert.deepEqual(chosenVersions(available, policy), expected));

it("leaves its argument as it is", () => {
  const given = Object.freeze(["2", "1"]);
  chosenVersions(given, { all: {} });
  assert.deepEqual(given, ["2", "1"]);
});
