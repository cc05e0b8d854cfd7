import assert from "node:assert/strict";
import { test } from "node:test";
import { createTensor } from "../../../src/client/tensor-values.ts";
import {
  assertAnswers,
  fileEnding,
  identityQuestion,
  loadStop,
  ReliabilitySubject,
  slowQuestion,
  unaryLoad,
} from "../../support/reliability-subject.ts";

const limitMs = 500;
const limited = `parameters { key: "sluice_run_timeout_ms" value { string_value: "${limitMs}" } }`;
/** More iterations than a model gets done in a year: a run that never ends, decided by the request. */
const endless = 2 ** 44;

const subject = await ReliabilitySubject.start(
  fileEnding,
  {
    slow: { zoo: "loop_slow", config: limited },
    identity: { zoo: "identity_fp32" },
    endless: { zoo: "loop_endless", config: limited },
  },
  { sharedRuntimeProcesses: 3, crashLoopLimit: 2 },
);

test("a model whose every run is endless loads, and its requests end at the limit", async () => {
  const client = subject.client();
  assert.equal(await client.ready("endless"), true);
  const input = createTensor("X", "FP32", [1, 4], [1, 2, 3, 4]);
  const startMs = performance.now();
  const failure = { status: "INTERNAL", message: new RegExp(`exceeded its run limit of ${limitMs} ms`) };
  await assert.rejects(client.infer({ model: "endless", inputs: [input] }), failure);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= limitMs && tookMs < limitMs * 6, `${tookMs} ms`);
  assert.equal(await client.ready("endless"), true);
  await subject.isAtRest();
});

test("an endless run fails alone, the model serves on, and neighbours do not notice", async (t) => {
  const client = subject.client();
  const stop = loadStop(t);
  const beside = unaryLoad(subject.client(), 2, stop.signal, (i) => identityQuestion(i));
  // More often than the crash limit: being too slow is no crash.
  for (let round = 0; round < 3; round++) {
    const stuck = client.infer(slowQuestion(endless).request);
    await assert.rejects(stuck, { status: "INTERNAL", message: /run limit/ });
    const question = slowQuestion(10 + round);
    assertAnswers(question, await client.infer(question.request));
  }
  stop.abort();
  const { errors, answered, slowestMs } = await beside;
  assert.deepEqual(errors, []);
  assert.ok(answered > 50 && slowestMs < limitMs, `${answered} answers, the slowest after ${slowestMs} ms`);
  await subject.isAtRest();
});

test("requests that wait behind an endless run are answered after it", async () => {
  const client = subject.client();
  const stuck = client.infer(slowQuestion(endless).request);
  await subject.isRunning("slow");
  const waiting = Array.from({ length: 40 }, (_, i) => slowQuestion(1 + i));
  const answers = Promise.all(
    waiting.map(async (question) => assertAnswers(question, await client.infer(question.request))),
  );
  await assert.rejects(stuck, { status: "INTERNAL", message: /run limit/ });
  await answers;
  await subject.isAtRest();
});
