import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { InferOptions } from "../../../src/client/infer-options.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import type { ParameterValue } from "../../../src/inference.ts";

/** Requests of every fate, and what the counters of nv_inference_* say of their models after each. */

/** The counters of one model version: by family, failures by `family reason`. Durations are left out: they are never the same twice. */
export type Counts = Readonly<Record<string, number>>;

/** What was read after a step. */
export interface Reading {
  readonly step: string;
  readonly counts: Counts;
}

/** How long a gauge and counters may take to be read: Triton updates some of them after its answer. */
const settleMs = 300;
/** How long an unload may take after its answer. */
const unloadMs = 2500;
/** Between two requests that have to arrive in this order. */
const gapMs = 40;
/** Iterations of a model whose run is longer than all gaps of a step, and of one that hardly counts. */
const long = 1_500_000;
const short = 10_000;

const rows = (height: number, width = 4): InferOptions => ({
  model: "rows",
  inputs: [createTensor("X", "FP32", [height, width], new Float32Array(height * width))],
});
const gather = (index: number): InferOptions => ({
  model: "fails",
  inputs: [createTensor("index", "INT64", [1, 1], [index])],
});
const loop = (model: string, iterations: number, parameters: Record<string, ParameterValue> = {}): InferOptions => ({
  model,
  inputs: [createTensor("iterations", "INT64", [1, 1], [iterations])],
  parameters,
});

/** Plays everything against a server that has just started over the compared models. */
export async function playMetrics(address: string, metricsUrl: string): Promise<readonly Reading[]> {
  const client = InferenceClient.connect(address, { maxAttempts: 1 });
  const readings: Reading[] = [];
  const read = async (step: string, model: string): Promise<void> => {
    await sleep(settleMs);
    readings.push({ step, counts: countsOf(await pageAt(metricsUrl), model) });
  };
  const ended = (requests: readonly Promise<unknown>[]) => Promise.allSettled(requests);
  try {
    await read("nothing came yet", "rows");
    for (const height of [1, 2, 3]) await client.infer(rows(height));
    await read("three requests of one, two and three rows", "rows");
    for await (const { error } of client.inferStream([rows(2)])) assert.equal(error, undefined);
    await read("a message of two rows on a stream", "rows");
    await ended([client.infer(rows(1, 5))]);
    await read("a request of a wrong shape", "rows");
    await ended([client.infer({ ...rows(1), version: "9" })]);
    await read("a request for a version that is not there", "rows");
    await ended([client.infer(gather(1))]);
    await ended([client.infer(gather(9))]);
    await read("a run that fails", "fails");

    const waiting = [client.infer(loop("queue", long))];
    await sleep(gapMs);
    for (let i = 0; i < 3; i++) waiting.push(client.infer(loop("queue", short)));
    await sleep(gapMs);
    const beyond = client.infer(loop("queue", short));
    await ended([beyond]);
    await read("one runs, three wait, one was too many", "queue");
    await ended(waiting);
    await read("all of them have ended", "queue");

    const running = client.infer(loop("timeouts", long));
    await sleep(gapMs);
    const late = client.infer(loop("timeouts", short, { timeout: 50_000 }));
    await ended([running, late]);
    await read("one waited longer than its timeout", "timeouts");

    await client.unload("pair");
    await sleep(unloadMs);
    await read("unloaded", "pair");
    await client.load("pair");
    await read("loaded again", "pair");
    return readings;
  } finally {
    client.close();
  }
}

/** The text at a metrics address. */
export async function pageAt(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

/** The nv_inference_* samples of a model, without durations. */
export function countsOf(page: string, model: string): Counts {
  const counts: Record<string, number> = {};
  for (const [, family = "", labels = "", value = ""] of page.matchAll(/^nv_inference_(\w+)\{(.*)\} (\S+)$/gm)) {
    if (!labels.startsWith(`model="${model}",`) || family.endsWith("_duration_us")) continue;
    const reason = /reason="(\w+)"/.exec(labels)?.[1];
    counts[reason === undefined ? family : `${family} ${reason}`] = Number(value);
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** HELP and TYPE lines of the ten families, in their order. */
export function headingsOf(page: string): readonly string[] {
  return [...page.matchAll(/^# (?:HELP|TYPE) nv_inference_.*$/gm)].map(([line]) => line);
}
