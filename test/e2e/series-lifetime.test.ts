import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { OtlpReceiver, type ReceivedMetrics } from "../monitor/telemetry/otlp-receiver.ts";
import { eventuallyTrue } from "../support/eventually.ts";
import { Metrics } from "../support/metrics.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** A model with a reference profile, so that everything that watches models has series of it. */
const model = "breast_cancer";
const features = 30;

/** Instruments of each part that opens series of a model. */
const parts = ["sluice.request.duration", "sluice.predictions", "sluice.monitor.rows", "sluice.feature.value"];

interface ModelPoint {
  readonly name: string;
  readonly startMs: number;
}

/** The points of the model in a push. */
function pointsOf({ metrics }: ReceivedMetrics): readonly ModelPoint[] {
  return metrics.flatMap(({ name, sum, gauge, histogram }) => {
    const { dataPoints } = sum ?? gauge ?? histogram ?? { dataPoints: [] };
    const own = dataPoints.filter(({ attributes }) => attributes.some(({ value }) => value.stringValue === model));
    return own.map(({ startTimeUnixNano }) => ({
      name,
      startMs: gauge === undefined ? Number(BigInt(startTimeUnixNano) / 1_000_000n) : Number.POSITIVE_INFINITY,
    }));
  });
}

test("all series of a model end with its unload, and begin at 0 at a later time when it is loaded again", async (context) => {
  const root = temporaryFolder(context);
  cpSync(join(import.meta.dirname, "..", "..", "examples", "repository", model), join(root, model), {
    recursive: true,
  });
  const receiver = new OtlpReceiver();
  await receiver.start("http");
  const server = await startTestServer(root, {
    modelControl: "explicit",
    loadModel: ["*"],
    otlpEndpoint: receiver.endpoint,
    otlpProtocol: "http",
    otlpInterval: 0.2,
  });
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
    receiver.stop();
  });
  assert.deepEqual(await server.started, []);
  const ask = async (rows: number) =>
    await client.infer({
      model,
      inputs: [createTensor("features", "FP32", [rows, features], new Float32Array(rows * features).fill(10))],
    });
  /** Instruments of the model in the pushes from the given one on. */
  const namesFrom = (push: number) =>
    new Set(
      receiver.metrics
        .slice(push)
        .flatMap(pointsOf)
        .map(({ name }) => name),
    );
  const nextPushes = async (): Promise<number> => {
    const push = receiver.metrics.length;
    await eventuallyTrue("pushes", () => receiver.metrics.length >= push + 3); // one may be under way
    return push + 1;
  };

  await ask(20);
  await eventuallyTrue("series of every part", () => parts.every((part) => namesFrom(0).has(part)));
  const inUse = (await Metrics.scrape(server.httpAddress)).seriesWith(model);
  assert.ok(inUse.length > 300, `${inUse.length} series`);

  await client.unload(model);
  assert.deepEqual((await Metrics.scrape(server.httpAddress)).seriesWith(model), []);
  assert.deepEqual([...namesFrom(await nextPushes())], []);

  const reloadedMs = Date.now();
  await client.load(model);
  await ask(3);
  const again = await nextPushes();
  assert.deepEqual(
    parts.filter((part) => !namesFrom(again).has(part)),
    [],
  );
  for (const { name, startMs } of receiver.metrics.slice(again).flatMap(pointsOf)) {
    assert.ok(startMs >= reloadedMs - 1, `${name} began ${reloadedMs - startMs} ms before the load`);
  }
  const metrics = await Metrics.scrape(server.httpAddress);
  assert.equal(metrics.sum("sluice_predictions_total", { sluice_model_name: model }), 3);
  assert.equal(metrics.sum("sluice_batch_size_sum", { sluice_model_name: model }), 3);
});
