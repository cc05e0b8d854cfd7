import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientError } from "../../src/client/client-error.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { Plateau } from "../support/plateau.ts";
import {
  assertAnswers,
  identityQuestion,
  type LoadReport,
  loadStop,
  type Question,
  ReliabilitySubject,
  slowQuestion,
  streamLoad,
  unaryLoad,
} from "../support/reliability-subject.ts";

/** How long faults rain on one server. */
const durationMs = 120_000;
const runLimitMs = 1_000;
/** Growth of server and clients together from the middle of the run to its end that is no leak. */
const plateauBytes = 32 * 1024 * 1024;

const limited = `parameters { key: "sluice_run_timeout_ms" value { string_value: "${runLimitMs}" } }`;

function division(divisor: number): Question {
  const inputs = [createTensor("X", "INT32", [1, 1], [divisor])];
  return { request: { model: "division", inputs }, answer: [Math.trunc(-(2 ** 31) / divisor)] };
}

/** A process that is stopped, a run that never ends or a request that is run twice beside a kill may end with INTERNAL; nothing else may. */
function assertOnlyInternal(report: LoadReport, name: string): void {
  const others = report.errors.filter(({ status }) => status !== "INTERNAL");
  assert.deepEqual(others, [], name);
  assert.ok(
    report.errors.length < report.answered / 10,
    `${name}: ${report.errors.length} of ${report.answered} failed`,
  );
}

test("kills, stopped processes, endless runs, poison and cancels for two minutes", async (t) => {
  const subject = await ReliabilitySubject.start(
    t,
    {
      slow: { zoo: "loop_slow", config: limited },
      identity: { zoo: "identity_fp32", config: limited },
      division: { zoo: "division_kills", config: `max_batch_size: 32\ndynamic_batching { }\n${limited}` },
    },
    { sharedRuntimeProcesses: 2, crashLoopLimit: 1000 },
  );
  const client = subject.client();
  const stop = loadStop(t);
  const loads: readonly [string, Promise<LoadReport>][] = [
    ["slow calls", unaryLoad(client, 8, stop.signal, (i) => slowQuestion(1 + (i % 2_000)))],
    ["slow stream", streamLoad(subject.client(), 16, stop.signal, (i) => slowQuestion(1 + (i % 700)))],
    ["identity calls", unaryLoad(client, 4, stop.signal, (i) => identityQuestion(i))],
    ["identity stream", streamLoad(subject.client(), 32, stop.signal, (i) => identityQuestion(-i))],
    ["division calls", unaryLoad(client, 4, stop.signal, (i) => division(2 + (i % 1_000)))],
  ];
  const faults: readonly (() => Promise<void>)[] = [
    async () => signalOne(subject, "SIGKILL"),
    async () => signalOne(subject, "SIGSTOP"),
    async () => void (await assert.rejects(client.infer(slowQuestion(2 ** 44).request), { status: "INTERNAL" })),
    async () => void (await assert.rejects(client.infer(division(-1).request), { status: "INTERNAL" })),
    async () => cancelMany(subject),
  ];
  const memory = new Plateau();
  const endMs = performance.now() + durationMs;
  for (let round = 0; performance.now() < endMs; round++) {
    await faults[round % faults.length]?.();
    await delay(2_000); // recovers in between: a request that two kills in a row hit is taken for their cause
    memory.measure();
    assert.equal(await client.ready(), true);
  }
  stop.abort();
  for (const [name, load] of loads) {
    const report = await load;
    t.diagnostic(
      `${name}: ${report.answered} answered, ${report.errors.length} failed, slowest ${Math.round(report.slowestMs)} ms`,
    );
    assertOnlyInternal(report, name);
  }
  memory.assertFlat(plateauBytes);
  for (const question of [slowQuestion(3), identityQuestion(4), division(5)]) {
    assertAnswers(question, await client.infer(question.request));
  }
  await subject.isAtRest();
  assert.equal(subject.runtimePids().length, 2);
});

function signalOne(subject: ReliabilitySubject, signal: NodeJS.Signals): void {
  const [pid] = subject.runtimePids();
  if (pid !== undefined) process.kill(pid, signal);
}

async function cancelMany(subject: ReliabilitySubject): Promise<void> {
  const client = subject.client();
  const calls = Array.from({ length: 500 }, async (_, i) => {
    const signal = AbortSignal.timeout(1 + ((i * 7) % 300));
    await client.infer({ ...slowQuestion(1 + i).request, signal }).catch((error: ClientError) => {
      assert.ok(error.status === "CANCELLED" || error.status === "INTERNAL", String(error));
    });
  });
  await Promise.all(calls);
}
