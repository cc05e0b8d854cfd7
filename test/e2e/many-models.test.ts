import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { RunningServer } from "../../src/serve.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { median, runtimeMemory, sum } from "../support/process-memory.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const count = 500;

/** Measured on two busy cores: 10 s, four processes of 170 to 200 MB. */
const maxStartMs = 60_000;
const maxRuntimeBytes = 1.5e9;

/** Two shared processes and two for trials: their number does not follow the number of models. */
const maxProcesses = 4;

suite(`${count} models in one server`, () => {
  const root = temporaryFolder({ after });
  let server: RunningServer;
  let client: InferenceClient;
  let startMs = 0;

  before(async () => {
    for (let i = 0; i < count; i++) writeVersion(root, name(i), "1", constantModel(i));
    writeVersion(root, name(count), "1", constantModel(count));
    const loadModel = Array.from({ length: count }, (_, i) => name(i));
    const begin = performance.now();
    server = await startTestServer(root, { modelControl: "explicit", loadModel, sharedRuntimeProcesses: 2 });
    startMs = performance.now() - begin;
    client = InferenceClient.connect(server.grpcAddress);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  test("start in bounded time, in few processes and bounded memory", (context) => {
    const memory = runtimeMemory();
    const bytes = sum(memory.values());
    const each = [...memory.values()].map((each) => (each / 1e6).toFixed(0)).join(" + ");
    context.diagnostic(`${startMs.toFixed(0)} ms, ${memory.size} processes of ${each} MB`);
    assert.equal(server.models().length, count);
    assert.ok(startMs < maxStartMs, `took ${startMs} ms`);
    assert.ok(memory.size <= maxProcesses, `${memory.size} processes`);
    assert.ok(bytes < maxRuntimeBytes, `${bytes} bytes`);
  });

  test("each answers with its own number", async () => {
    await Promise.all(Array.from({ length: count }, (_, i) => assertAnswers(i)));
  });

  test("one more is loaded beside them and answers as fast as the first", async (context) => {
    await client.load(name(count));
    const [first, last]: [number[], number[]] = [[], []];
    for (let i = 0; i < 100; i++) {
      first.push(await timed(0)); // in turns, so that noise meets both
      last.push(await timed(count));
    }
    context.diagnostic(`first ${median(first).toFixed(2)} ms, last ${median(last).toFixed(2)} ms`);
    assert.ok(median(last) < 2 * median(first) + 1, `${median(last)} ms against ${median(first)} ms`);
  });

  async function timed(i: number): Promise<number> {
    const begin = performance.now();
    await assertAnswers(i);
    return performance.now() - begin;
  }

  async function assertAnswers(i: number): Promise<void> {
    const inputs = [createTensor("X", "FP32", [1, 4], [0, 1, 2, 3])];
    const { modelName, id, outputs } = await client.infer({ model: name(i), id: `to ${i}`, inputs });
    assert.deepEqual([modelName, id], [name(i), `to ${i}`]);
    assert.deepEqual(outputs.map(readTensor), [Float32Array.of(i, i + 1, i + 2, i + 3)]);
  }
});

function name(i: number): string {
  return `model-${String(i).padStart(3, "0")}`;
}
