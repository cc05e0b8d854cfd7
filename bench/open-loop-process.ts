import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { answerParent } from "./child.ts";
import { Connection, StatusError } from "./connection.ts";
import type { OpenLoopRequest, OpenLoopResult, PhaseResult } from "./open-loop.ts";
import { createRandom } from "./random.ts";
import { check, createShots } from "./shot.ts";

/** The open load generator, a process of its own: sends at a rate with exponential gaps and checks every answer. */

const unavailable = 14;
const deadlineExceeded = 4;
/** Calm requests vary; what takes longer than this many times their 99th percentile is not normal. */
const normalFactor = 3;
const memoryIntervalMs = 50;

interface Outcome {
  readonly phase: number;
  readonly sentMs: number;
  readonly endMs: number;
  /** gRPC status. */
  readonly code: number;
}

async function run(request: OpenLoopRequest): Promise<OpenLoopResult> {
  const shots = createShots(request);
  const connections = Array.from({ length: request.connections }, () => new Connection(request.address));
  const metadata = { "grpc-timeout": `${Math.round(request.timeoutMs)}m` };
  const outcomes: Outcome[] = [];
  const underWay: Promise<void>[] = [];
  let failure: unknown;
  const send = async (phase: number, index: number) => {
    const [shot, connection] = [shots[index % shots.length]!, connections[index % connections.length]!];
    const sentMs = performance.now();
    let code = 0;
    try {
      const bytes = await connection.call("ModelInfer", shot.message, metadata);
      check({ kind: "unary", hasModel: true }, shot, bytes);
    } catch (error) {
      if (error instanceof StatusError) ({ code } = error);
      else failure ??= error;
    }
    outcomes.push({ phase, sentMs, endMs: performance.now(), code });
  };
  const firstBytes = residentBytes(request.pid);
  let peakBytes = firstBytes;
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(request.pid));
  }, memoryIntervalMs);
  const random = createRandom(3);
  const startsMs: number[] = [];
  let index = 0;
  for (const [phase, { perSecond, seconds }] of request.phases.entries()) {
    const startMs = performance.now();
    startsMs.push(startMs);
    for (let dueMs = startMs; dueMs < startMs + seconds * 1000; ) {
      while (dueMs <= performance.now()) {
        underWay.push(send(phase, index++));
        dueMs += (-Math.log(1 - random()) / perSecond) * 1000;
      }
      await sleep(1);
    }
  }
  await Promise.all(underWay);
  clearInterval(watch);
  for (const connection of connections) connection.close();
  if (failure !== undefined) throw failure;
  const calm = latencies(outcomes.filter(({ phase }) => phase === 0));
  const normalMs = normalFactor * quantile(calm, 0.99);
  const phases = request.phases.map(({ seconds }, phase) =>
    summarize(outcomes, phase, startsMs[phase]!, seconds, request.timeoutMs, normalMs),
  );
  return { phases, normalMs, peakBytes, firstBytes };
}

function summarize(
  all: readonly Outcome[],
  phase: number,
  startMs: number,
  seconds: number,
  timeoutMs: number,
  normalMs: number,
): PhaseResult {
  const outcomes = all.filter((outcome) => outcome.phase === phase);
  const isGood = ({ code, sentMs, endMs }: Outcome) => code === 0 && endMs - sentMs <= timeoutMs;
  const late = outcomes.filter((outcome) => outcome.code === 0 && !isGood(outcome));
  const abnormal = outcomes.filter(({ code, sentMs, endMs }) => code !== 0 || endMs - sentMs > normalMs);
  const found = latencies(outcomes);
  const endMs = startMs + seconds * 1000;
  const goodInTime = all.filter((outcome) => isGood(outcome) && outcome.endMs >= startMs && outcome.endMs < endMs);
  return {
    sent: outcomes.length,
    good: outcomes.filter(isGood).length,
    late: late.length,
    latestMs: late.reduce((most, outcome) => Math.max(most, outcome.endMs - outcome.sentMs - timeoutMs), 0),
    refused: outcomes.filter(({ code }) => code === unavailable).length,
    expired: outcomes.filter(({ code }) => code === deadlineExceeded).length,
    goodPerSecond: goodInTime.length / seconds,
    p50Ms: quantile(found, 0.5),
    p99Ms: quantile(found, 0.99),
    abnormalUntilMs: abnormal.reduce((latest, { sentMs }) => Math.max(latest, sentMs - startMs), 0),
  };
}

/** Sorted latencies of answers. */
function latencies(outcomes: readonly Outcome[]): number[] {
  return outcomes
    .filter(({ code }) => code === 0)
    .map(({ sentMs, endMs }) => endMs - sentMs)
    .sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

answerParent(run);
