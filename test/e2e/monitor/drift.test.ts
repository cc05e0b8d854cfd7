import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import { decodeProfile } from "../../../src/model/reference-profile.ts";
import type { DataReport, ModelReport } from "../../../src/monitor/monitor-report.ts";
import { eventually } from "../../support/eventually.ts";
import { MonitorStub } from "../../support/monitor-stub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

const repository = join(import.meta.dirname, "../../../examples/repository");

/** The held-out rows of a demo model, without the target. */
function rowsOf(model: string): readonly (readonly number[])[] {
  const text = readFileSync(join(repository, "../data", `${model}.csv`), "utf8");
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").slice(0, -1).map(Number));
}

/** A server of one demo model with a monitor.yaml of our own, and what asks it and its monitor. */
async function serve(t: TestContext, yaml: string) {
  const folder = temporaryFolder(t);
  cpSync(join(repository, "breast_cancer"), join(folder, "breast_cancer"), { recursive: true });
  writeFileSync(join(folder, "breast_cancer", "monitor.yaml"), yaml);
  const server = await startTestServer(folder);
  const client = InferenceClient.connect(server.grpcAddress);
  const monitor = new MonitorStub(server.grpcAddress);
  t.after(async () => {
    client.close();
    monitor.client.close();
    await server.stop();
  });
  return {
    server,
    monitor,
    ask: async (rows: readonly (readonly number[])[]) => {
      const inputs = [createTensor("features", "FP32", [rows.length, 30], rows.flat())];
      await client.infer({ model: "breast_cancer", inputs });
    },
    data: async (): Promise<DataReport> => {
      const { report } = await monitor.call("GetMonitorReport", {});
      return (report.models[0] as ModelReport).data;
    },
  };
}

test("served as it is, the demo model is compared with its reference; a scale error comes and goes", {
  timeout: 60_000,
}, async (t) => {
  const yaml =
    "windows: { blockSeconds: 1 }\ndrift: { windowRows: 500, windows: 2 }\nquality: { maxRowsPerSecond: 100000 }";
  const { server, ask, data } = await serve(t, yaml);
  const rows = rowsOf("breast_cancer");
  const scaled = rows.map((row) => row.map((value, i) => (i === 3 ? value / 10 : value)));
  const first = await data();
  assert.match(first.reference, /reference_profile\.pb, 171 rows/);
  assert.equal(first.signal_count, 33);
  const until = (sent: readonly (readonly number[])[], isReached: (report: DataReport) => boolean) =>
    eventually(async () => {
      for (let i = 0; i < 3; i++) await ask(sent);
      const report = await data();
      assert.ok(isReached(report), `${report.windows} windows, ${report.drifted_signals} drifted`);
    });
  await until(rows, ({ windows }) => windows >= 1);
  assert.equal((await data()).drifted_signals, 0);
  const started = performance.now();
  await until(scaled, ({ drifted_signals: count }) => count > 0);
  const report = await data();
  t.diagnostic(
    `found ${((performance.now() - started) / 1000).toFixed(1)} s after it began, windows of a second, two in a row`,
  );
  const drifted = report.signals.filter((signal) => signal.drifted).map(({ name }) => name);
  assert.ok(drifted.includes("mean area"), String(drifted));
  assert.ok(!drifted.includes("mean radius"), String(drifted));
  const metrics = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
  assert.match(
    metrics,
    /sluice_drift_detected_total\{[^}]*sluice_feature="mean area"[^}]*sluice_method="psi"[^}]*\} 1/,
  );
  await until(rows, ({ drifted_signals: count }) => count === 0);
});

test("a profile of another model keeps the version from being served, and says why", async (t) => {
  const folder = temporaryFolder(t);
  cpSync(join(repository, "diabetes"), join(folder, "diabetes"), { recursive: true });
  cpSync(join(repository, "digits/reference_profile.pb"), join(folder, "diabetes/reference_profile.pb"));
  const server = await startTestServer(folder);
  t.after(() => server.stop());
  const [failed] = await server.started;
  assert.match(failed?.reason ?? "", /it is one of model 'digits', not of 'diabetes'/);
});

test("a profile captured from live traffic is one that the model could have", { timeout: 60_000 }, async (t) => {
  const { ask, monitor } = await serve(t, "quality: { maxRowsPerSecond: 100000 }");
  const rows = rowsOf("breast_cancer");
  const capture = monitor.call("CaptureReference", { model_name: "breast_cancer", row_count: 600 });
  await assert.rejects(
    monitor.call("CaptureReference", { model_name: "nobody", row_count: 600 }),
    /no version of model 'nobody' is ready/,
  );
  await assert.rejects(
    monitor.call("CaptureReference", { model_name: "breast_cancer", row_count: 10 }),
    /row_count is 10, expected 500 to 1000000/,
  );
  await assert.rejects(
    monitor.call("CaptureReference", { model_name: "breast_cancer", row_count: 600 }),
    /another capture is under way/,
  );
  for (let i = 0; i < 4; i++) await ask(rows);
  const { profile } = await capture;
  assert.equal(profile.row_count, 600);
  assert.deepEqual(profile.labels, ["0", "1"]);
  const committed = decodeProfile(readFileSync(join(repository, "breast_cancer/reference_profile.pb")));
  assert.deepEqual(
    profile.signals.map(({ name }: { name: string }) => name),
    committed.signals.map(({ name }) => name),
  );
  const [first] = profile.signals;
  assert.equal(first.numeric.count, 600);
  assert.equal(profile.anomaly.signals.length, 30);
  assert.ok(profile.created_at.seconds > 1_700_000_000);
});
