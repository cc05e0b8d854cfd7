import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { Metric, QualityReport } from "../../../src/monitor/monitor-report.ts";
import type { Outcome } from "../../../src/outcome.ts";
import type { RunningServer } from "../../../src/serve.ts";
import { needs } from "../../interop/foreign-tools.ts";
import { askScikitLearn } from "../../interop/scikit-learn.ts";
import { Metrics } from "../../support/metrics.ts";
import { MonitorStub } from "../../support/monitor-stub.ts";
import { randomNumbers } from "../../support/random-numbers.ts";
import { featureRows } from "../../support/table-rows.ts";
import { startTestServer } from "../../support/test-server.ts";

const examples = join(import.meta.dirname, "..", "..", "..", "examples");

/** One held-out row, what the model answered and what was true. */
interface Judged {
  readonly predicted: number;
  readonly scores: readonly number[];
  readonly truth: number;
}

/**
 * The demo models answer held-out rows, the truth is reported late and out of order, some of it twice and some wrong at first: the monitor's
 * numbers are scikit-learn's on the same pairs.
 */
suite("quality of the demo models", needs("python"), () => {
  let server: RunningServer;
  let client: InferenceClient;

  before(async () => {
    server = await startTestServer(join(examples, "repository"));
    client = InferenceClient.connect(server.grpcAddress);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  for (const model of ["breast_cancer", "digits"]) {
    test(`${model}: a classifier`, async () => {
      const judged = await predictAndTell(client, model);
      const report = await qualityOf(server.grpcAddress, model);
      assert.equal(report.task, model === "digits" ? "multiclass" : "binary");
      assert.equal(report.predictions, judged.length);
      assert.equal(report.joinable_predictions, judged.length);
      assert.equal(report.label_coverage, 1);
      assert.equal(report.window?.rows, judged.length);
      const labels = report.labels.map((_, index) => index);
      const [expected] = await askScikitLearn([
        {
          task: "classification",
          actual: judged.map(({ truth }) => truth),
          predicted: judged.map(({ predicted }) => predicted),
          scores: judged.map(({ scores }) => scores),
          weights: judged.map(() => 1),
          labels,
          betas: [1],
          top: 2,
          zero_division: 0,
        },
      ]);
      const own = metricsByKey(report);
      let compared = 0;
      for (const [key, value] of Object.entries(expected!)) {
        const found = own.get(key) ?? (labels.length === 2 ? own.get(key.replace(/1$/, "")) : undefined);
        if (found === undefined || value === null) continue;
        const isRank = /^(roc_auc|average_precision)/.test(key); // from bins
        assert.ok(Math.abs(found - value) < (isRank ? 2e-3 : 1e-6), `${key} is ${found}, scikit-learn says ${value}`);
        compared += 1;
      }
      assert.ok(compared >= (labels.length === 2 ? 18 : 50), `${compared} metrics`);
      const counts = report.confusion?.counts ?? [];
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        judged.length,
      );
      await compareCounters(server, model, judged);
      compareEstimates(report);
    });
  }

  test("diabetes: a regression", async () => {
    const judged = await predictAndTell(client, "diabetes");
    const report = await qualityOf(server.grpcAddress, "diabetes");
    assert.equal(report.task, "regression");
    const [expected] = await askScikitLearn([
      {
        task: "regression",
        actual: judged.map(({ truth }) => [truth]),
        predicted: judged.map(({ predicted }) => [predicted]),
        weights: judged.map(() => 1),
      },
    ]);
    const own = metricsByKey(report);
    for (const [key, value] of Object.entries(expected!)) {
      assert.ok(Math.abs(own.get(key)! / value! - 1) < 1e-9, `${key} is ${own.get(key)}, scikit-learn says ${value}`);
    }
  });
});

/** Asks for every held-out row, each under an id of its own, and reports the truth of all in another order. */
async function predictAndTell(client: InferenceClient, model: string): Promise<readonly Judged[]> {
  const file = join(examples, "data", `${model}.csv`);
  const truths = targets(file);
  const judged: Judged[] = [];
  for (const [index, row] of featureRows(file).entries()) {
    const inputs = [createTensor("features", "FP32", [1, row.length], row)];
    const { outputs } = await client.infer({ model, inputs, predictionId: `${model}-${index}` });
    const floats = outputs
      .filter(({ datatype }) => datatype === "FP32")
      .map((tensor) => [...readTensor(tensor)].map(Number));
    const label = outputs.find(({ datatype }) => datatype === "INT64");
    const [scores = []] = floats;
    const predicted =
      label === undefined
        ? model === "digits"
          ? scores.indexOf(Math.max(...scores))
          : scores[0]!
        : Number(readTensor(label)[0]);
    judged.push({ predicted, scores, truth: truths[index]! });
  }
  await tellTruths(client, model, truths);
  return judged;
}

async function tellTruths(client: InferenceClient, model: string, truths: readonly number[]): Promise<void> {
  const isRegression = model === "diabetes";
  const outcome = (index: number, truth: number): Outcome => ({
    predictionId: `${model}-${index}`,
    ...(isRegression ? { value: truth } : { classIndex: truth }),
  });
  const uniform = randomNumbers(truths.length);
  const order = truths.map((_, index) => ({ index, place: uniform() })).sort((a, b) => a.place - b.place);
  const wrongAtFirst = new Set(order.slice(0, 10).map(({ index }) => index));
  const wrong = (truth: number) => (isRegression ? truth + 1000 : 1 - Math.min(1, truth));
  const first = order.map(({ index }) =>
    outcome(index, wrongAtFirst.has(index) ? wrong(truths[index]!) : truths[index]!),
  );
  const results = await client.reportOutcomes(first);
  assert.deepEqual([...new Set(results.map(({ status, message }) => `${status} ${message}`))], ["ACCEPTED "]);
  const again = await client.reportOutcomes(first.slice(20, 40));
  assert.ok(again.every(({ status }) => status === "DUPLICATE"));
  const right = [...wrongAtFirst].map((index) => ({ ...outcome(index, truths[index]!), isCorrection: true }));
  const corrected = await client.reportOutcomes(right);
  assert.ok(corrected.every(({ status }) => status === "CORRECTED"));
}

function targets(file: string): readonly number[] {
  const [, ...lines] = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => Number(line.split(",").at(-1)));
}

async function qualityOf(address: string, model: string): Promise<QualityReport> {
  const stub = new MonitorStub(address);
  try {
    return (await stub.call("GetMonitorReport", { model_name: model })).report.models[0].quality;
  } finally {
    stub.close();
  }
}

/** Metrics under the names of the script that asks scikit-learn. */
function metricsByKey({ metrics, labels }: QualityReport): ReadonlyMap<string, number> {
  const placeOf = (label: string) => (labels.includes(label) ? labels.indexOf(label) : label);
  const keyOf = ({ name, label }: Metric) => `${name === "f1" ? "f_beta(1)" : name}/${placeOf(label)}`;
  return new Map(metrics.map((metric) => [keyOf(metric), metric.value]));
}

/** The counters have everything that was accepted, what was wrong at first included. */
async function compareCounters(server: RunningServer, model: string, judged: readonly Judged[]): Promise<void> {
  const metrics = await Metrics.scrape(server.httpAddress);
  assert.equal(metrics.sum("sluice_prediction_outcomes_total", { sluice_model_name: model }), judged.length);
}

/** Calibrated models: their scores alone say about how good they are. */
function compareEstimates({ metrics, window_estimates: estimates }: QualityReport): void {
  const accuracy = (list: readonly Metric[]) => list.find(({ name }) => name === "accuracy")!;
  assert.ok(Math.abs(accuracy(metrics).value - accuracy(estimates).value) < 0.04);
}
