import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { fixtureFolder } from "../support/expected-cases.ts";
import { Metrics } from "../support/metrics.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** Whatever becomes of the collector, every request is answered, the metrics can be scraped, and the server stops. */

const requests = 300;

/** Takes connections and never says a word; resolves to its address and a way to end it. */
async function hang(): Promise<{ readonly endpoint: string; readonly connections: () => number; end(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.size,
    end() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function serveInto(context: TestContext, otlpEndpoint: string, otlpProtocol: "grpc" | "http") {
  const root = temporaryFolder(context);
  cpSync(join(fixtureFolder("zoo"), "identity_fp32"), join(root, "identity_fp32", "1"), { recursive: true });
  const options = { otlpEndpoint, otlpProtocol, otlpInterval: 0.1, traceSampleRatio: 1, exitTimeoutMs: 2000 } as const;
  const server = await startTestServer(root, options);
  assert.deepEqual(await server.started, []);
  return server;
}

for (const protocol of ["grpc", "http"] as const) {
  for (const fate of ["hangs", "is gone"] as const) {
    test(`a collector that ${fate} (${protocol})`, { timeout: 60_000 }, async (context) => {
      const collector = await hang();
      if (fate === "is gone") collector.end();
      const server = await serveInto(context, collector.endpoint, protocol);
      const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
      const request = {
        model: "identity_fp32",
        inputs: [createTensor("X", "FP32", [1, 4], new Float32Array(4))],
      };
      const each = Array.from({ length: requests }, () => request);
      let answered = 0;
      for await (const { error } of client.inferStream(each)) if (error === undefined) answered++;
      await Promise.all(each.slice(0, 50).map((one) => client.infer(one)));
      assert.equal(answered, requests);
      const metrics = await Metrics.scrape(server.httpAddress);
      const model = { sluice_model_name: "identity_fp32", error_type: undefined };
      assert.equal(metrics.value("sluice_request_duration_seconds_count", model), requests + 50);
      client.close();
      if (fate === "hangs") assert.ok(collector.connections() > 0, "it was really pushed to");
      await server.stop();
      collector.end();
    });
  }
}
