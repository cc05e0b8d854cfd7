import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import { modelBytes, node, tensor, value } from "../../model/build-model.ts";
import { assertAnswers, slowQuestion, writeRepository } from "../../support/reliability-subject.ts";
import { ServedProcess } from "../../support/served-process.ts";

/** 99 % of the delays of the front process's event loop stay below 20 ms; times five on a busy machine. */
const delayLimitSeconds = 0.02 * 5;
/** Side of the square of weights: 256 MiB. */
const side = 8192;

/** What the server's own histogram says since it was last read. */
async function p99(served: ServedProcess): Promise<number> {
  const text = await (await fetch(`http://${served.httpAddress}/metrics`)).text();
  return Number(/^nodejs_eventloop_delay_p99_seconds (\S+)$/m.exec(text)?.[1]);
}

/** Asks for health, one after another, until the signal; resolves to the longest time that an answer took. */
async function askHealth(client: InferenceClient, signal: AbortSignal): Promise<{ count: number; slowestMs: number }> {
  let slowestMs = 0;
  let count = 0;
  while (!signal.aborted) {
    const startMs = performance.now();
    assert.equal(await client.health(), "SERVING");
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    count++;
    await delay(10);
  }
  return { count, slowestMs };
}

async function assertResponsive(
  t: TestContext,
  served: ServedProcess,
  work: (client: InferenceClient) => Promise<void>,
) {
  const client = InferenceClient.connect(served.grpcAddress);
  t.after(() => client.close());
  const stop = new AbortController();
  t.after(() => stop.abort());
  await client.health();
  await p99(served); // starts a new measurement
  await delay(500);
  const idleSeconds = await p99(served);
  const health = askHealth(client, stop.signal);
  await work(client);
  stop.abort();
  const { count, slowestMs } = await health;
  const delaySeconds = await p99(served);
  t.diagnostic(
    `event loop delay p99 ${(delaySeconds * 1000).toFixed(1)} ms, idle ${(idleSeconds * 1000).toFixed(1)} ms, slowest of ${count} health checks ${slowestMs.toFixed(1)} ms`,
  );
  assert.ok(
    delaySeconds < Math.max(delayLimitSeconds, 5 * idleSeconds),
    `p99 ${delaySeconds} s, idle ${idleSeconds} s`,
  );
  assert.ok(count > 10 && slowestMs < 1_000, `${count} health checks, the slowest took ${slowestMs} ms`);
}

test("the front process stays responsive while a model runs and while a large one loads", async (t) => {
  const repository = writeRepository(t, { slow: { zoo: "loop_slow" } });
  mkdirSync(join(repository, "large", "1"), { recursive: true });
  const weights = Buffer.alloc(side * side * 4);
  weights.writeFloatLE(2, 0); // W[0][0]
  writeFileSync(
    join(repository, "large", "1", "model.onnx"),
    modelBytes({
      node: [node("MatMul", ["X", "W"], ["Y"])],
      input: [value("X", 1, ["N", side])],
      output: [value("Y", 1, ["N", side])],
      initializer: [tensor("W", [1], { dims: [side, side], raw_data: weights })],
    }),
  );
  const served = await ServedProcess.start(t, repository, ["--model-control", "explicit", "--load-model", "slow"]);

  await t.test("batches of 300 ms", async (t) => {
    await assertResponsive(t, served, async (client) => {
      for (let i = 0; i < 6; i++) {
        const question = slowQuestion(180_000 + i);
        assertAnswers(question, await client.infer(question.request));
      }
    });
  });

  await t.test("a load of 256 MiB", async (t) => {
    await assertResponsive(t, served, async (client) => {
      await client.load("large", { deadlineMs: 60_000 });
      const values = new Float32Array(side);
      values[0] = 3;
      const { outputs } = await client.infer({
        model: "large",
        inputs: [createTensor("X", "FP32", [1, side], values)],
      });
      assert.ok(outputs[0] !== undefined);
      assert.equal((readTensor(outputs[0]) as Float32Array)[0], 6);
    });
  });
});
