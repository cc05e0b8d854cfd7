import assert from "node:assert/strict";
import { test } from "node:test";
import { type OptionTable, type Positional, parseArguments } from "../../../../src/cli/arguments.ts";
import { outcomesCommand } from "../../../../src/cli/outcomes.ts";
import { profileCommand } from "../../../../src/cli/profile.ts";
import { readMonitorConfig } from "../../../../src/monitor/config/monitor-config.ts";
import * as advice from "../../../../src/monitor/page/browser/advice.ts";

/** Reads a command line as the command does; a shell would take the quotes away. */
function parse(line: string, command: { readonly options: OptionTable; readonly positionals: readonly Positional[] }) {
  const words = [...line.matchAll(/'[^']*'|\S+/g)].map(([word]) => word.replaceAll("'", ""));
  return parseArguments(words.slice(2), command.options, command.positionals);
}

test("the commands that the page tells to type are commands", () => {
  assert.equal(parse(advice.profileCommand("digits"), profileCommand).given.model, "<repository>/digits");
  assert.deepEqual(parse(advice.outcomesCommand("my model"), outcomesCommand).positionals, ["<address>", "my model"]);
});

test("the parts of a monitor.yaml that it shows are read", () => {
  assert.equal(readMonitorConfig(advice.taskExample).outputs.scores, "probabilities");
  assert.equal(readMonitorConfig(advice.anomalyExample).anomaly.detector, "half_space_trees");
  assert.equal(readMonitorConfig(advice.changesExample).changes[0]?.signal, "confidence");
  assert.ok(readMonitorConfig(advice.alertsExample).alerts.some(({ rule }) => rule.name === "accuracy falls"));
});
