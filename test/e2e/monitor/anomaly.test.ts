import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { InferenceResponse } from "../../../src/inference.ts";
import type { AnomalyReport, ModelReport } from "../../../src/monitor/monitor-report.ts";
import { modelBytes, node, tensor, value } from "../../model/build-model.ts";
import { eventually } from "../../support/eventually.ts";
import { MonitorStub } from "../../support/monitor-stub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

const examples = join(import.meta.dirname, "../../../examples");
const scoreOutput = "sluice_anomaly_score";

/** Held-out rows of the demo model, without the target. */
function demoRows(): readonly (readonly number[])[] {
  const lines = readFileSync(join(examples, "data", "breast_cancer.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  return lines.map((line) => line.split(",").slice(0, -1).map(Number));
}

/** A server of the demo model with a monitor.yaml of ours, and beside it a detector: the sum of a row's numbers. */
async function serve(t: TestContext, yaml: string) {
  const folder = temporaryFolder(t);
  cpSync(join(examples, "repository", "breast_cancer"), join(folder, "breast_cancer"), { recursive: true });
  writeFileSync(join(folder, "breast_cancer", "monitor.yaml"), yaml);
  mkdirSync(join(folder, "row_sum", "1"), { recursive: true });
  const graph = {
    node: [node("MatMul", ["X", "ones"], ["sum"])],
    initializer: [tensor("ones", [30, 1])],
    input: [value("X", 1, ["N", 30])],
    output: [value("sum", 1, ["N", 1])],
  };
  writeFileSync(join(folder, "row_sum", "1", "model.onnx"), modelBytes(graph));
  const server = await startTestServer(folder);
  const client = InferenceClient.connect(server.grpcAddress);
  const monitor = new MonitorStub(server.grpcAddress);
  t.after(async () => {
    client.close();
    monitor.client.close();
    await server.stop();
  });
  const requestOf = (rows: readonly (readonly number[])[], outputs: readonly string[] = []) => ({
    model: "breast_cancer",
    inputs: [createTensor("features", "FP32", [rows.length, 30], rows.flat())],
    outputs,
  });
  return {
    server,
    client,
    requestOf,
    ask: (rows: readonly (readonly number[])[], outputs: readonly string[] = []) =>
      client.infer(requestOf(rows, outputs)),
    anomalies: async (): Promise<AnomalyReport> => {
      const { report } = await monitor.call("GetMonitorReport", { model_name: "breast_cancer" });
      return (report.models[0] as ModelReport).anomalies;
    },
  };
}

const namesOf = ({ outputs }: InferenceResponse) => outputs.map(({ name }) => name);
const scoresOf = ({ outputs }: InferenceResponse) => [
  ...(readTensor(outputs.find(({ name }) => name === scoreOutput)!) as Float32Array),
];

const rows = demoRows();
/** A row whose numbers are ordinary one by one: the smallest cell nuclei with the largest area. */
const odd = rows[0]!.map((value, i) => (i === 0 ? 8 : i === 3 ? 2000 : value));

test("a row's distance from the reference is an output when it is asked for by its name, in calls and streams", {
  timeout: 60_000,
}, async (t) => {
  const { client, ask, requestOf, anomalies } = await serve(t, "");
  const unasked = await ask(rows.slice(0, 3));
  assert.ok(!namesOf(unasked).includes(scoreOutput));
  const [label] = namesOf(unasked) as [string];
  const asked = await ask([...rows.slice(0, 20), odd], [scoreOutput, label]);
  assert.deepEqual(namesOf(asked), [scoreOutput, label]);
  const { threshold } = await anomalies();
  const scores = scoresOf(asked);
  assert.deepEqual(asked.outputs[0]?.shape, [21]);
  assert.ok(scores.at(-1)! > 5 * threshold, `${scores.at(-1)} of ${threshold}`);
  assert.ok(scores.slice(0, 20).filter((score) => score <= threshold).length >= 17, `${scores}`);
  assert.deepEqual(namesOf(await ask([odd], [scoreOutput])), [scoreOutput]);

  const stream = client.inferStream(rows.slice(0, 50).map((row) => requestOf([row], [label, scoreOutput])));
  let count = 0;
  for await (const result of stream) {
    assert.ok(result.response !== undefined);
    assert.deepEqual(namesOf(result.response), [label, scoreOutput]);
    if (count < 20) assert.equal(scoresOf(result.response)[0], scores[count]);
    count++;
  }
  assert.equal(count, 50);
});

test("rows are scored without being asked for: report and metrics tell of planted outliers", {
  timeout: 60_000,
}, async (t) => {
  const { server, ask, anomalies } = await serve(t, "");
  for (let i = 0; i < rows.length; i += 19) await ask(rows.slice(i, i + 19));
  const before = await anomalies();
  assert.equal(before.detector, "mahalanobis");
  assert.ok(before.anomalous_share! < 0.1, `${before.anomalous_share}`);
  await ask(new Array(25).fill(odd));
  const after = await anomalies();
  assert.equal(after.anomalous_rows - before.anomalous_rows, 25);
  const metrics = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  assert.match(
    metrics,
    new RegExp(`sluice_anomaly_rows_total\\{.*sluice_detector="mahalanobis".*\\} ${after.anomalous_rows}\\n`),
  );
  assert.match(metrics, /sluice_anomaly_score_bucket\{.*le="\+Inf".*\} 196\n/);
});

test("trees learn from what they see, then score", { timeout: 60_000 }, async (t) => {
  const { ask, anomalies } = await serve(t, "anomaly: {detector: half_space_trees}");
  assert.deepEqual(namesOf(await ask([odd], [scoreOutput])), [], "no score yet, so none is given");
  for (let i = 0; i < 4; i++) await ask(rows);
  const far = odd.map((value) => value * 20);
  const [usual, unusual] = [scoresOf(await ask(rows, [scoreOutput])), scoresOf(await ask([far], [scoreOutput]))];
  assert.ok(unusual[0]! > Math.max(...usual), `${unusual[0]}, others up to ${Math.max(...usual)}`);
  assert.ok((await anomalies()).scores!.count > 0);
});

test("another model of the repository scores rows; without it answers go without scores", {
  timeout: 60_000,
}, async (t) => {
  const { ask, anomalies } = await serve(t, "anomaly: {name: row_sum, timeoutMs: 5000}");
  const answer = await ask(rows.slice(0, 4), [scoreOutput]);
  for (const [i, score] of scoresOf(answer).entries()) {
    const sum = rows[i]!.reduce((total, number) => total + number, 0);
    assert.ok(Math.abs(score - sum) < 1e-3 * sum);
  }
  const report = await anomalies();
  assert.deepEqual([report.detector, report.note], ["row_sum", ""]);

  const missing = await serve(t, "anomaly: {name: nobody}");
  assert.deepEqual(namesOf(await missing.ask(rows.slice(0, 4), [scoreOutput])), []);
  await eventually(async () =>
    assert.match((await missing.anomalies()).note, /'nobody' does not answer: .*unknown model/),
  );
});

test("flipped labels are a change of the error, found as outcomes come, without configuration", {
  timeout: 60_000,
}, async (t) => {
  const { client, requestOf, anomalies } = await serve(t, "");
  const error = async () => (await anomalies()).detectors.find(({ signal }) => signal === "error")!;
  /** Predicts all rows and reports their outcomes: what was predicted, or the other class. */
  const report = async (id: string, isFlipped: boolean) => {
    const response = await client.infer({ ...requestOf(rows), predictionId: id });
    const labels = readTensor(response.outputs.find(({ name }) => name === "output_label")!) as BigInt64Array;
    const outcomes = [...labels].map((label, row) => {
      const truth = isFlipped ? 1 - Number(label) : Number(label);
      return { predictionId: id, row, classIndex: truth };
    });
    const results = await client.reportOutcomes(outcomes);
    assert.ok(
      results.every(({ status }) => status === "ACCEPTED"),
      JSON.stringify(results[0]),
    );
  };
  for (let i = 0; i < 4; i++) await report(`right-${i}`, false);
  assert.deepEqual([(await error()).changes, (await error()).sample_count], [0, 4 * rows.length]);
  await report("flipped", true);
  const { changes, before = 1, after = 0, current } = await error();
  assert.equal(changes, 1);
  assert.ok(before < 0.05 && after > 0.4 && current > 0.4, `${before} -> ${after}, now ${current}`);
});

test("a model that gives no scores refuses their name, as it refuses any unknown output", {
  timeout: 60_000,
}, async (t) => {
  const { ask } = await serve(t, "anomaly: {detector: off}");
  await assert.rejects(
    ask(rows.slice(0, 1), [scoreOutput]),
    /unexpected inference output 'sluice_anomaly_score' for model/,
  );
});
