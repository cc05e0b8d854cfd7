import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ClientReadableStream } from "@grpc/grpc-js";
import { predictionIdOf, predictionTokensOf } from "../../../src/client/infer-options.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { Alert } from "../../../src/monitor/monitor-report.ts";
import type { Outcome, OutcomeStatus } from "../../../src/outcome.ts";
import type { RunningServer } from "../../../src/serve.ts";
import { needs } from "../../interop/foreign-tools.ts";
import { askScikitLearn } from "../../interop/scikit-learn.ts";
import { eventually } from "../../support/eventually.ts";
import { Metrics } from "../../support/metrics.ts";
import { MonitorStub } from "../../support/monitor-stub.ts";
import { randomNumbers } from "../../support/random-numbers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

/**
 * The life of a model in production: it predicts over a stream, its truths come late, in any order, some twice, some forged, some after a
 * restart and to another replica; then its inputs break, an alert says so, and goes when they are mended.
 */

const examples = join(import.meta.dirname, "../../../examples");
const model = "breast_cancer";

/** One row, what was answered, and by what its truth can be told. */
interface Case {
  readonly id: string;
  readonly token: Uint8Array;
  readonly predicted: number;
  readonly scores: readonly number[];
  readonly truth: number;
}

/** Held-out rows with their truth last. */
function readCases(): readonly (readonly number[])[] {
  const [, ...lines] = readFileSync(join(examples, "data", `${model}.csv`), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => line.split(",").map(Number));
}

/** A repository of the one model, windows short enough for a test. */
function repository(t: TestContext): string {
  const folder = temporaryFolder(t);
  cpSync(join(examples, "repository", model), join(folder, model), { recursive: true });
  writeFileSync(
    join(folder, model, "monitor.yaml"),
    "windows: { blockSeconds: 1 }\ndrift: { windowRows: 500, windows: 2 }\nquality: { maxRowsPerSecond: 100000 }\n",
  );
  return folder;
}

class Replica {
  readonly server: RunningServer;
  readonly client: InferenceClient;
  readonly monitor: MonitorStub;

  private constructor(server: RunningServer) {
    this.server = server;
    this.client = InferenceClient.connect(server.grpcAddress);
    this.monitor = new MonitorStub(server.grpcAddress);
  }

  static async start(t: TestContext, folder: string, tokenKeyFile: string): Promise<Replica> {
    const replica = new Replica(await startTestServer(folder, { tokenKeyFile }));
    t.after(() => replica.stop());
    return replica;
  }

  async stop(): Promise<void> {
    this.client.close();
    this.monitor.close();
    await this.server.stop();
  }

  /** Answers rows over one stream, each with a prediction id (its own where one is given) and a token. */
  async predict(rows: readonly (readonly number[])[], idOf: (index: number) => string): Promise<readonly Case[]> {
    const questions = rows.map((row, index) => ({
      model,
      inputs: [createTensor("features", "FP32", [1, 30], row.slice(0, 30))],
      outputs: ["output_label", "output_probability"],
      predictionId: idOf(index),
      predictionTokens: true,
    }));
    const cases: Case[] = [];
    for await (const { index, response, error } of this.client.inferStream(questions)) {
      if (error !== undefined) throw error;
      const [label, probabilities] = response.outputs;
      cases.push({
        id: predictionIdOf(response)!,
        token: predictionTokensOf(response)![0]!,
        predicted: Number(readTensor(label!)[0]),
        scores: [...readTensor(probabilities!)].map(Number),
        truth: rows[index]!.at(-1)!,
      });
    }
    return cases;
  }

  async tell(outcomes: readonly Outcome[]): Promise<readonly OutcomeStatus[]> {
    const statuses: OutcomeStatus[] = [];
    for await (const { status } of this.client.streamOutcomes(outcomes)) statuses.push(status);
    return statuses;
  }

  /** Every outcome has this status. */
  async tellAll(outcomes: readonly Outcome[], status: OutcomeStatus): Promise<void> {
    assert.deepEqual(new Set(await this.tell(outcomes)), new Set([status]));
  }

  async report(): Promise<any> {
    const { report } = await this.monitor.call("GetMonitorReport", { model_name: model });
    return report.models[0];
  }
}

function byId({ id, truth }: Case): Outcome {
  return { predictionId: id, classIndex: truth };
}

function byToken({ token, truth }: Case): Outcome {
  return { predictionToken: token, classIndex: truth };
}

function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const uniform = randomNumbers(seed);
  return list
    .map((item) => ({ item, place: uniform() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** One byte of each token is another. */
function forged(cases: readonly Case[]): readonly Outcome[] {
  return cases.map(({ token, truth }, index) => {
    const changed = Uint8Array.from(token);
    const place = index % changed.length;
    changed[place] = changed[place]! ^ 0x10;
    return { predictionToken: changed, classIndex: truth };
  });
}

/** Alerts of a model as they change, from a call of WatchMonitors. */
function watch(t: TestContext, { monitor }: Replica): readonly Alert[] {
  const seen: Alert[] = [];
  const methods = monitor.client as unknown as {
    WatchMonitors(request: object): ClientReadableStream<{ alert: Alert }>;
  };
  const call = methods.WatchMonitors({ model_name: model });
  call.on("data", ({ alert }) => seen.push(alert)).on("error", () => {});
  t.after(() => call.cancel());
  return seen;
}

/** scikit-learn's numbers for the pairs, and the monitor's: as many as both know must be the same. */
async function assertMetrics(report: any, pairs: readonly Case[]): Promise<void> {
  const [expected] = await askScikitLearn([
    {
      task: "classification",
      actual: pairs.map(({ truth }) => truth),
      predicted: pairs.map(({ predicted }) => predicted),
      scores: pairs.map(({ scores }) => scores),
      weights: pairs.map(() => 1),
      labels: [0, 1],
      betas: [1],
      top: 2,
      zero_division: 0,
    },
  ]);
  const { metrics, labels } = report.quality;
  let compared = 0;
  for (const { name, label, value } of metrics) {
    const place = labels.includes(label) ? labels.indexOf(label) : label;
    const key = `${name === "f1" ? "f_beta(1)" : name}/${place}`;
    const known = expected![key] ?? expected![`${key}1`];
    if (known === undefined || known === null) continue;
    const tolerance = /^(roc_auc|average_precision)/.test(key) ? 2e-3 : 1e-6; // ranks are worked out from bins
    assert.ok(Math.abs(value - known) < tolerance, `${key} is ${value}, scikit-learn says ${known}`);
    compared++;
  }
  assert.ok(compared >= 18, `${compared} metrics`);
}

/** Rows judged and rows judged right, as the counters of some servers add up. */
async function countedRight(replicas: readonly Replica[]): Promise<{ readonly all: number; readonly right: number }> {
  let [all, right] = [0, 0];
  for (const { server } of replicas) {
    const metrics = await Metrics.scrape(server.httpAddress);
    const labels = { sluice_model_name: model };
    all += metrics.sum("sluice_prediction_outcomes_total", labels);
    right += metrics.sum("sluice_prediction_outcomes_total", { ...labels, sluice_correct: "true" });
  }
  return { all, right };
}

test("truths come late, twice, forged, after a restart and to another replica: the numbers are scikit-learn's", {
  ...needs("python"),
  timeout: 120_000,
}, async (t) => {
  const folder = repository(t);
  const keyFile = join(temporaryFolder(t), "token.keys");
  writeFileSync(keyFile, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  const first = await Replica.start(t, folder, keyFile);
  const other = await Replica.start(t, folder, keyFile);

  const cases = await first.predict(readCases(), (index) => (index % 2 === 0 ? `case-${index}` : ""));
  assert.equal(cases.length, 171);
  const early = cases.slice(0, 60);
  const restarted = cases.slice(60, 120);
  const elsewhere = cases.slice(120);

  // By id, in any order; then some of them again, some as tokens, and some that are no truth at all.
  await first.tellAll(shuffled(early, 1).map(byId), "ACCEPTED");
  await first.tellAll(shuffled(early, 2).slice(0, 20).map(byId), "DUPLICATE");
  await first.tellAll(forged(restarted), "FORGED");
  await first.tellAll([{ predictionId: "nobody's", classIndex: 0 }], "UNKNOWN");
  await first.tellAll(
    [
      { ...byId(restarted[0]!), classIndex: 7 },
      { ...byId(restarted[1]!), row: 3 },
    ],
    "INVALID",
  );
  await assertMetrics(await first.report(), early);
  const stated = await countedRight([first]);
  assert.equal(stated.all, early.length);

  // Another replica knows tokens, but no ids of others.
  await other.tellAll(elsewhere.filter(({ id }) => !id.startsWith("case-")).map(byId), "FOREIGN");
  await other.tellAll(elsewhere.filter(({ id }) => id.startsWith("case-")).map(byId), "UNKNOWN");
  await other.tellAll(shuffled(elsewhere, 3).map(byToken), "ACCEPTED");
  await other.tellAll(elsewhere.slice(0, 10).map(byToken), "DUPLICATE");
  await assertMetrics(await other.report(), elsewhere);

  // The first one is started again: ids are gone, tokens are not.
  await first.stop();
  const again = await Replica.start(t, folder, keyFile);
  const [made, given] = [1, 0].map((odd) => restarted.filter((_, index) => index % 2 === odd));
  await again.tellAll(made!.map(byId), "FOREIGN");
  await again.tellAll(given!.map(byId), "UNKNOWN");
  await again.tellAll(shuffled(restarted, 4).map(byToken), "ACCEPTED");
  await assertMetrics(await again.report(), restarted);

  // What the counters of all lives and replicas add up to is what scikit-learn says of all pairs.
  const counted = await countedRight([other, again]);
  assert.equal(stated.all + counted.all, cases.length);
  const right = cases.filter(({ predicted, truth }) => predicted === truth).length;
  assert.equal(stated.right + counted.right, right);
});

test("broken inputs raise the drift alert, mended ones end it", { timeout: 120_000 }, async (t) => {
  const replica = await Replica.start(t, repository(t), "");
  const alerts = watch(t, replica);
  const rows = readCases();
  const inCentimetres = rows.map((row) => row.map((value, column) => (column === 0 ? value / 10 : value)));
  const stateOf = () => alerts.findLast(({ name }) => name === "drift")?.state;
  const until = (sent: readonly (readonly number[])[], state: string) =>
    eventually(async () => {
      for (let i = 0; i < 3; i++) await replica.predict(sent, () => "");
      assert.equal(stateOf(), state);
    });
  await until(rows, "ALERT_STATE_OK");
  const beganMs = performance.now();
  await until(inCentimetres, "ALERT_STATE_FIRING");
  t.diagnostic(`the alert came ${((performance.now() - beganMs) / 1000).toFixed(1)} s after the inputs broke`);
  const report = await replica.report();
  const drifted = report.data.signals.filter((signal: any) => signal.drifted).map((signal: any) => signal.name);
  assert.ok(drifted.includes("mean radius"), `${drifted}`);
  assert.ok(!drifted.includes("mean texture"), `${drifted}`);
  await until(rows, "ALERT_STATE_OK");
});
