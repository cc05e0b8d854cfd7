import assert from "node:assert/strict";
import { test } from "node:test";
import type { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import { assertAnswers, type Question, ReliabilitySubject } from "../../support/reliability-subject.ts";

/** Everything that arrives within the delay shares a batch of 32, so that the poisoned request has company. */
const batching = "max_batch_size: 32\ndynamic_batching { max_queue_delay_microseconds: 200000 }\n";
const lowest = -(2 ** 31);

function division(divisor: number): Question {
  const inputs = [createTensor("X", "INT32", [1, 1], [divisor])];
  return { request: { model: "division", inputs }, answer: [Math.trunc(lowest / divisor)] };
}

function gather(index: number): Question {
  const inputs = [createTensor("index", "INT64", [1, 1], [index])];
  return { request: { model: "gather", inputs }, answer: [index * 10, index * 10 + 1] };
}

/** Asks all at once; the one at `poisoned` must fail with INTERNAL, all others must be right. */
async function askTogether(client: InferenceClient, questions: readonly Question[], poisoned: number): Promise<void> {
  await Promise.all(
    questions.map(async (question, i) => {
      if (i === poisoned) await assert.rejects(client.infer(question.request), { status: "INTERNAL" });
      else assertAnswers(question, await client.infer(question.request));
    }),
  );
}

/** The same through one stream, which survives. */
async function streamTogether(client: InferenceClient, questions: readonly Question[], poisoned: number) {
  const requests = questions.map(({ request }, i) => ({ ...request, id: `${i}` }));
  let position = 0;
  for await (const { id, response, error } of client.inferStream(requests, { window: questions.length })) {
    assert.equal(id, `${position}`);
    const question = questions[position];
    assert.ok(question !== undefined);
    if (position === poisoned) assert.equal(error?.status, "INTERNAL");
    else {
      assert.ok(response !== undefined, error?.message);
      assertAnswers(question, response);
    }
    position++;
  }
  assert.equal(position, questions.length);
}

function withPoison(poison: Question, good: (i: number) => Question, at: number): Question[] {
  return Array.from({ length: 32 }, (_, i) => (i === at ? poison : good(i)));
}

test("a request that kills its process fails alone, the 31 beside it are answered, the model stays", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    { division: { zoo: "division_kills", config: batching } },
    { sharedRuntimeProcesses: 1, crashLoopLimit: 3 },
  );
  const client = subject.client();
  const before = await subject.executions("division");
  await askTogether(
    client,
    Array.from({ length: 32 }, (_, i) => division(i + 2)),
    -1,
  );
  assert.equal((await subject.executions("division")) - before, 1, "32 requests that arrive together are one batch");

  await askTogether(
    client,
    withPoison(division(-1), (i) => division(i + 2), 13),
    13,
  );
  await streamTogether(
    client,
    withPoison(division(-1), (i) => division(-2 - i), 30),
    30,
  );
  assert.equal(await client.ready("division"), true);
  await subject.isAtRest();
});

test("poison requests one after another do not open the crash-loop breaker", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    { division: { zoo: "division_kills" } },
    { sharedRuntimeProcesses: 1, crashLoopLimit: 3 },
  );
  const client = subject.client();
  for (let round = 0; round < 3; round++) {
    await assert.rejects(client.infer(division(-1).request), { status: "INTERNAL", retryAfterMs: undefined });
    const question = division(round + 3);
    assertAnswers(question, await client.infer(question.request));
  }
  assert.equal(await client.ready("division"), true);
  assert.deepEqual(
    (await client.repositoryIndex()).map(({ state }) => state),
    ["READY"],
  );
  await subject.isAtRest();
});

test("a request on which ONNX Runtime fails is one error among 31 answers, in calls and in a stream", async (t) => {
  const subject = await ReliabilitySubject.start(t, { gather: { zoo: "gather_fails", config: batching } });
  const client = subject.client();
  await askTogether(
    client,
    withPoison(gather(4), (i) => gather(i % 4), 0),
    0,
  );
  await streamTogether(
    client,
    withPoison(gather(2 ** 40), (i) => gather(i % 4), 17),
    17,
  );
  const metrics = await subject.metrics();
  assert.equal(metrics.get('sluice_runtime_restarts_total{sluice_reason="crash"}'), 0);
  await subject.isAtRest();
});
