import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientError } from "../../src/client/client-error.ts";
import { assertAnswers, fileEnding, ReliabilitySubject, slowQuestion, until } from "../support/reliability-subject.ts";

const subject = await ReliabilitySubject.start(
  fileEnding,
  { slow: { zoo: "loop_slow", config: "max_batch_size: 8 dynamic_batching { }" } },
  { admission: "fixed", admissionLimit: 8 },
);

const rejected = (reason: string) =>
  `sluice_requests_rejected_total{sluice_model_name="slow",sluice_model_version="1",sluice_reason="${reason}"}`;

const queueSize = 'sluice_queue_size{sluice_model_name="slow",sluice_model_version="1"}';

/** Keeps the model busy for more than a second. */
async function occupy(): Promise<() => Promise<void>> {
  const long = slowQuestion(1_000_000);
  const answer = subject.client().infer(long.request);
  await subject.isRunning("slow");
  return async () => assertAnswers(long, await answer);
}

async function assertRefused(criticality: string): Promise<void> {
  const client = subject.client({ maxAttempts: 1, metadata: { "sluice-criticality": criticality } });
  await assert.rejects(client.infer(slowQuestion(1).request), (error) => {
    assert.ok(error instanceof ClientError);
    assert.equal(error.status, "UNAVAILABLE");
    assert.match(error.message, /Exceeds maximum queue size: admission lets in 8 rows/);
    assert.ok((error.retryAfterMs ?? 0) > 0);
    return true;
  });
}

test("unary calls beyond the limit are refused at once, those within it answered; a sheddable one is refused earlier", async () => {
  const over = await occupy();
  const questions = Array.from({ length: 7 }, (_, index) => slowQuestion(1_000 + index));
  const ask = (from: number, to: number) =>
    questions.slice(from, to).map(({ request }) => subject.client({ maxAttempts: 1 }).infer(request));
  const first = ask(0, 3);
  await until(async () => (await subject.metrics()).get(queueSize) === 3, "three wait: half of the limit");
  await assertRefused("SHEDDABLE");
  const answers = [...first, ...ask(3, 7)];
  await until(async () => (await subject.metrics()).get(queueSize) === 7, "seven wait");
  await assertRefused("CRITICAL");
  await over();
  for (const [index, answer] of answers.entries()) assertAnswers(questions[index]!, await answer);
  assert.equal((await subject.metrics()).get(rejected("concurrency_limit")), 2);
  await subject.isAtRest();
});

test("a stream of many times the limit waits, and loses nothing", async () => {
  const questions = Array.from({ length: 200 }, (_, index) => slowQuestion(100 + index));
  let answered = 0;
  for await (const result of subject.client().inferStream(questions.map(({ request }) => request))) {
    if (result.response === undefined) throw result.error;
    assertAnswers(questions[answered++]!, result.response);
  }
  assert.equal(answered, 200);
  assert.equal((await subject.metrics()).get(rejected("concurrency_limit")), 2, "none of the stream");
  await subject.isAtRest();
});
