import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  assertAnswers,
  identityQuestion,
  isAlive,
  ReliabilitySubject,
  slowQuestion,
  until,
} from "../../support/reliability-subject.ts";

const limit = 3;

test("a model whose process keeps being killed becomes unavailable with its reason; nothing else does", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    { slow: { zoo: "loop_slow" }, identity: { zoo: "identity_fp32" } },
    { sharedRuntimeProcesses: 2, crashLoopLimit: limit },
  );
  await until(() => subject.runtimePids().length === 2, "the trial processes have ended");
  const client = subject.client();
  const host = await subject.hostOf(() => client.infer(slowQuestion(50_000).request));
  const [neighbour] = subject.runtimePids().filter((pid) => pid !== host);
  assert.ok(neighbour !== undefined);

  // The process is killed whenever it lives, idle or not, until it is not started any more.
  for (let kill = 0; kill < limit; kill++) {
    let victim: number | undefined;
    await until(() => {
      [victim] = subject.runtimePids().filter((pid) => pid !== neighbour);
      return victim !== undefined;
    }, `start ${kill}`);
    if (victim !== undefined) process.kill(victim, "SIGKILL");
    await until(() => victim === undefined || !isAlive(victim), "it is gone");
  }
  await until(async () => !(await client.ready("slow")), "the model is not ready");

  const failure = await client.infer(slowQuestion(5).request).catch((error: unknown) => error);
  assert.ok(failure instanceof Error && "status" in failure && "retryAfterMs" in failure);
  assert.equal(failure.status, "UNAVAILABLE");
  assert.match(failure.message, /crashed too often/);
  assert.ok(Number(failure.retryAfterMs) > 1_000, `pushback ${failure.retryAfterMs}`);

  const index = await client.repositoryIndex();
  const entry = index.find(({ name }) => name === "slow");
  assert.equal(entry?.state, "UNAVAILABLE");
  assert.match(entry?.reason ?? "", /crashed too often/);
  assert.equal(index.find(({ name }) => name === "identity")?.state, "READY");
  assert.equal((await fetch(`http://${subject.server.httpAddress}/v2/models/slow/ready`)).status, 400);
  assert.equal((await fetch(`http://${subject.server.httpAddress}/v2/health/live`)).status, 200);
  assert.equal((await fetch(`http://${subject.server.httpAddress}/v2/health/ready`)).status, 200);

  const question = identityQuestion(3);
  assertAnswers(question, await client.infer(question.request));
  await delay(300); // longer than any back-off below the limit
  assert.deepEqual(subject.runtimePids(), [neighbour]);
  await subject.isAtRest();
});

test("crashes in runs count against the model that ran, not against its neighbour in the process", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    { slow: { zoo: "loop_slow" }, identity: { zoo: "identity_fp32" } },
    { sharedRuntimeProcesses: 1, crashLoopLimit: limit },
  );
  await until(() => subject.runtimePids().length === 1, "the trial processes have ended");
  const client = subject.client({ deadlineMs: 20_000 });
  const outcomes: string[] = [];
  for (let kill = 0; kill < limit; kill++) {
    // Two requests of half a second, which keep the process in a run of this model.
    const running = Promise.allSettled([2, 3].map((i) => client.infer(slowQuestion(300_000 + i).request)));
    await subject.isRunning("slow");
    const [victim] = subject.runtimePids();
    assert.ok(victim !== undefined);
    process.kill(victim, "SIGKILL");
    await until(() => !isAlive(victim), "it is gone");
    for (const outcome of await running) {
      outcomes.push(outcome.status === "fulfilled" ? "OK" : String((outcome.reason as { status?: unknown }).status));
    }
  }
  assert.ok(
    outcomes.every((status) => status === "OK" || status === "UNAVAILABLE"),
    outcomes.join(),
  );
  assert.equal(await client.ready("slow"), false);
  const question = identityQuestion(4);
  assertAnswers(question, await client.infer(question.request));
  await subject.isAtRest();
});
