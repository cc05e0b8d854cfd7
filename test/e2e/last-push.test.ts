import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { OtlpReceiver } from "../monitor/telemetry/otlp-receiver.ts";
import { fixtureFolder } from "../support/expected-cases.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

for (const otlpProtocol of ["grpc", "http"] as const) {
  test(`a server that stops pushes what it has counted, traced and logged until then (${otlpProtocol})`, async (context) => {
    const root = temporaryFolder(context);
    cpSync(join(fixtureFolder("zoo"), "gather_fails"), join(root, "gather_fails", "1"), { recursive: true });
    const receiver = new OtlpReceiver();
    context.after(() => receiver.stop());
    await receiver.start(otlpProtocol);
    const never = { otlpInterval: 86_400, traceSampleRatio: 1 } as const;
    const server = await startTestServer(root, {
      otlpEndpoint: receiver.endpoint,
      otlpProtocol,
      logLevel: "warn",
      ...never,
    });
    const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
    for (const index of [1, 2, 9]) {
      const inputs = [createTensor("index", "INT64", [1, 1], [index])];
      await client.infer({ model: "gather_fails", inputs }).catch(() => {});
    }
    client.close();
    await server.stop();

    const points = receiver.metrics
      .flatMap(({ metrics }) => metrics)
      .filter(({ name }) => name === "sluice.request.duration")
      .flatMap(({ histogram }) => histogram?.dataPoints ?? []);
    assert.equal(
      points.reduce((sum, { count }) => sum + Number(count), 0),
      3,
    );
    assert.equal(receiver.spans.filter(({ name }) => name.endsWith("/ModelInfer")).length, 3);
    assert.deepEqual(
      receiver.logs.map(({ body }) => body),
      ["a run of model 'gather_fails' version 1 failed"],
    );
  });
}
