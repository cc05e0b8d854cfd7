import assert from "node:assert/strict";
import { test } from "node:test";
import { createTensor } from "../../../src/client/tensor-values.ts";
import {
  assertAnswers,
  identityQuestion,
  isAlive,
  loadStop,
  type Question,
  ReliabilitySubject,
  slowQuestion,
  streamLoad,
  unaryLoad,
  until,
} from "../../support/reliability-subject.ts";

/** The least arena there can be: 64 KiB for the inputs of a batch, and again for its outputs. */
const arenaMaxBytes = 64 * 1024;

/** identity_fp32 with many rows of four numbers. */
function rows(count: number): Question {
  const values = Float32Array.from({ length: count * 4 }, (_, i) => i % 65_521);
  return {
    request: { model: "identity", inputs: [createTensor("X", "FP32", [count, 4], values)] },
    answer: [...values],
  };
}

test("requests beyond a slot of the arena are split by rows, or refused by the name of the option", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    { identity: { zoo: "identity_fp32" }, unbatched: { zoo: "identity_fp32", config: "max_batch_size: 0\n" } },
    { arenaMaxBytes, defaultMaxBatchSize: 8192 },
  );
  const client = subject.client();
  for (const count of [4096, 4097, 20_000]) {
    const question = rows(count);
    assertAnswers(question, await client.infer(question.request));
  }
  const tooLarge = { ...rows(4097).request, model: "unbatched" };
  await assert.rejects(client.infer(tooLarge), {
    status: "RESOURCE_EXHAUSTED",
    message: /65552 bytes exceeds the 65536 bytes .*--arena-max-bytes/,
    retryAfterMs: -1,
  });
  const question = { ...rows(4096), request: { ...rows(4096).request, model: "unbatched" } };
  assertAnswers(question, await client.infer(question.request));
  await subject.isAtRest();
});

test("an answer beyond the arena fails that request alone", async (t) => {
  const subject = await ReliabilitySubject.start(t, { expand: { zoo: "expand" } }, { arenaMaxBytes });
  const client = subject.client();
  const expand = (width: number) => ({
    model: "expand",
    inputs: [createTensor("X", "FP32", [1, 1], [7]), createTensor("width", "INT64", [1], [width])],
  });
  const [large, small, larger] = await Promise.allSettled([
    client.infer(expand(100_000)),
    client.infer(expand(10)),
    client.infer(expand(10_000_000)),
  ]);
  assert.equal(small.status, "fulfilled");
  for (const refused of [large, larger]) {
    assert.ok(refused.status === "rejected");
    assert.equal(refused.reason.status, "RESOURCE_EXHAUSTED");
    assert.match(refused.reason.message, /--arena-max-bytes/);
  }
  await client.infer(expand(16));
  assert.equal((await subject.metrics()).get('sluice_runtime_restarts_total{sluice_reason="crash"}'), 0);
  await subject.isAtRest();
});

test("a runtime process that has grown is replaced under load without losing a request", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    { slow: { zoo: "loop_slow" }, identity: { zoo: "identity_fp32" }, growing: { zoo: "loop_allocating" } },
    { sharedRuntimeProcesses: 1, recycleBytes: 1 },
  );
  await until(() => subject.runtimePids().length === 1, "the trial processes have ended");
  const [first] = subject.runtimePids();
  assert.ok(first !== undefined);
  const client = subject.client();
  const stop = loadStop(t);
  const loads = [
    unaryLoad(client, 4, stop.signal, (i) => slowQuestion(100 + (i % 900))),
    unaryLoad(client, 4, stop.signal, (i) => identityQuestion(i)),
    streamLoad(client, 8, stop.signal, (i) => identityQuestion(-i)),
  ];
  const grow = async () => {
    const inputs = [createTensor("X", "FP32", [4], [1, 1, 1, 1]), createTensor("doublings", "INT64", [1], [24])];
    await client.infer({ model: "growing", inputs }); // 256 MiB for a moment
  };
  await until(
    async () => {
      await grow();
      return !isAlive(first);
    },
    "the process is replaced",
    30_000,
  );
  stop.abort();
  for (const { answered, errors } of await Promise.all(loads)) {
    assert.deepEqual(errors, []);
    assert.ok(answered > 20, `${answered} answers`);
  }
  const metrics = await subject.metrics();
  assert.ok((metrics.get('sluice_runtime_restarts_total{sluice_reason="memory"}') ?? 0) >= 1);
  assert.equal(metrics.get('sluice_runtime_restarts_total{sluice_reason="crash"}'), 0);
  assert.deepEqual(
    (await client.repositoryIndex()).map(({ state }) => state),
    ["READY", "READY", "READY"],
  );
  await subject.isAtRest();
});
