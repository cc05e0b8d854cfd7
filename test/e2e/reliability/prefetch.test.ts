import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  assertAnswers,
  fileEnding,
  isAlive,
  loadStop,
  ReliabilitySubject,
  slowQuestion,
  unaryLoad,
  until,
} from "../../support/reliability-subject.ts";

const limitMs = 500;

/** A model that counts as large has a process of its own, and only there full batches are sent ahead: here every request is one. */
const subject = await ReliabilitySubject.start(
  fileEnding,
  {
    slow: {
      zoo: "loop_slow",
      config: `max_batch_size: 0
      parameters [
        { key: "sluice_run_timeout_ms" value { string_value: "${limitMs}" } },
        { key: "sluice_prefetch" value { string_value: "1" } }
      ]`,
    },
  },
  { crashLoopLimit: 1000 },
  (repository) => writeFileSync(join(repository, "slow", "1", "padding"), Buffer.alloc(33 * 1024 * 1024)),
);

test("a batch that was sent ahead of an endless run is answered after it", async () => {
  const client = subject.client();
  const stuck = client.infer(slowQuestion(2 ** 44).request);
  await subject.isRunning("slow");
  const ahead = slowQuestion(11);
  const answer = client.infer(ahead.request);
  await subject.isRunning("slow"); // it has left the queue as well
  await assert.rejects(stuck, { status: "INTERNAL", message: /run limit/ });
  assertAnswers(ahead, await answer);
  await subject.isAtRest();
});

test("killing the process with two batches under way loses neither", async (t) => {
  const client = subject.client();
  const stop = loadStop(t);
  const load = unaryLoad(client, 16, stop.signal, (i) => slowQuestion(500 + (i % 3_000)));
  for (let kill = 0; kill < 3; kill++) {
    await until(() => subject.runtimePids().length === 1, "one process");
    const [victim] = subject.runtimePids();
    assert.ok(victim !== undefined);
    const question = slowQuestion(40 + kill);
    assertAnswers(question, await client.infer(question.request));
    process.kill(victim, "SIGKILL");
    await until(() => !isAlive(victim), "it is gone");
  }
  const question = slowQuestion(50);
  assertAnswers(question, await client.infer(question.request));
  stop.abort();
  const { answered, errors } = await load;
  assert.deepEqual(errors, []);
  assert.ok(answered > 20);
  await subject.isAtRest();
});
