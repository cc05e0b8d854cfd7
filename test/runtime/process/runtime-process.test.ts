import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { ModelConfig } from "../../../src/model/model-config.ts";
import { splitBatch, writeBatch } from "../../../src/runtime/batching/batch.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Failure, RunFrame } from "../../../src/runtime/process/frames.ts";
import type { LoadRequest, LoadResult } from "../../../src/runtime/process/load-protocol.ts";
import { type ProcessExit, RuntimeProcess } from "../../../src/runtime/process/runtime-process.ts";
import { QueueEntry } from "../../../src/runtime/queue/queue-entry.ts";
import { contextOf, floats, RecordingReply, requestOf, valuesOf } from "../../support/runtime-requests.ts";

const example = join(import.meta.dirname, "../../../examples/repository/diabetes");
const limitMs = 60_000;

function start(test: TestContext, slots = 1) {
  const exited = Promise.withResolvers<ProcessExit>();
  const process = new RuntimeProcess({
    arenaFolder: "",
    arenaMaxBytes: 1 << 20,
    slots,
    clock: systemClock,
    onFree: () => {},
    onExit: exited.resolve,
  });
  test.after(() => process.kill());
  return { process, exited: exited.promise };
}

function loadRequest(partial: Partial<LoadRequest> = {}): LoadRequest {
  return {
    operation: "load",
    sessionId: 1,
    name: "diabetes",
    version: "1",
    file: join(example, "1/model.onnx"),
    folder: example,
    config: {},
    batching: "tried",
    defaultMaxBatchSize: 64,
    device: "cpu",
    isFallbackAllowed: true,
    intraOpThreads: 1,
    maxModelNodes: 1_000_000,
    maxModelBytes: 1 << 30,
    maxStateBytes: 1 << 20,
    ...partial,
  };
}

type Ended = {
  readonly outputs?: number[];
  readonly failure?: Failure;
  readonly exit?: ProcessExit;
  readonly isStarted?: boolean;
};

/** Runs rows of the example model; resolves to what became of them. */
function run(
  process: RuntimeProcess,
  { signature }: LoadResult,
  rows: readonly number[][],
  change: (frame: RunFrame) => RunFrame = (frame) => frame,
): Promise<Ended> {
  const [spec] = signature.inputs;
  const input = floats(spec!.name, rows.flat(), rows[0]!.length);
  const valid = { inputs: [input], rows: rows.length, shapeKey: "", outputs: [] };
  const entry = new QueueEntry(requestOf([input]), contextOf(), new RecordingReply(), valid, Number.POSITIVE_INFINITY);
  return new Promise((resolve) => {
    process.run(limitMs, (arena, slot) => change(writeBatch(arena, slot, 1, [entry], signature, rows.length)), {
      result: (ran) => {
        const read = (offset: number, length: number) => process.readOutput(offset, length);
        const [outputs] = splitBatch(ran, read, [entry], signature, rows.length);
        return () => resolve({ outputs: valuesOf(outputs![0]!) });
      },
      failed: (failure) => resolve({ failure }),
      died: (exit, isStarted) => resolve({ exit, isStarted }),
    });
  });
}

describe("a runtime process", () => {
  it("leaves SIGINT and SIGTERM, which a terminal sends to all processes, to the front", async (test) => {
    const { process: runtime, exited } = start(test);
    const devices = () => runtime.control({ operation: "devices" }, limitMs);
    const before = await devices();
    process.kill(runtime.pid, "SIGINT");
    process.kill(runtime.pid, "SIGTERM");
    const after = await Promise.race([devices(), exited]);
    assert.deepEqual(after, before);
  });

  it("tells its devices, loads, tries, warms up, runs, fails and is killed", async (test) => {
    const { process, exited } = start(test);
    const { devices } = (await process.control({ operation: "devices" }, limitMs)) as { devices: string[] };
    assert.equal(devices.at(-1), "cpu");
    await process.control(loadRequest(), limitMs);
    const result = (await process.control({ operation: "try", sessionId: 1 }, limitMs)) as LoadResult;
    assert.equal(result.signature.maxBatchSize, 64);
    assert.match(result.batching, /^on: /);
    await process.control({ operation: "warm-up", sessionId: 1, rows: 2 }, limitMs);

    const rows = [
      [31, 2, 19, 93, 137, 73, 47, 3, 4.4427, 78],
      [62, 1, 32, 88, 172, 69, 38, 4, 5.7838, 100],
    ];
    const together = await run(process, result, rows);
    const alone = [await run(process, result, rows.slice(0, 1)), await run(process, result, rows.slice(1))];
    for (const [index, value] of together.outputs!.entries()) {
      assert.ok(Math.abs(value - alone[index]!.outputs![0]!) <= 1e-5 * Math.abs(value), `row ${index}`);
    }
    assert.notEqual(together.outputs![0], together.outputs![1]);

    const unknown = await run(process, result, rows, (frame) => ({ ...frame, sessionId: 9 }));
    assert.equal(unknown.failure?.reason, "internal");
    const narrow = await run(process, result, rows, (frame) => ({ ...frame, outputLimit: 3 }));
    assert.equal(narrow.failure?.reason, "too_large");
    const misshapen = await run(process, result, rows, (frame) => ({
      ...frame,
      inputs: frame.inputs.map((input) => ({ ...input, shape: [1, 1] })),
    }));
    assert.equal(misshapen.failure?.reason, "runtime");
    assert.equal((await run(process, result, rows)).outputs?.length, 2, "and it serves on");

    globalThis.process.kill(process.pid, "SIGSTOP"); // or it could answer before the end reaches it
    const running = run(process, result, rows);
    process.kill();
    const { exit, isStarted } = await running;
    assert.equal(exit?.kind, "crash");
    assert.equal(isStarted, true);
    assert.match((await exited).detail, /^SIGKILL/);
    assert.equal(process.hasFreeSlot, false);
  });

  it("refuses a broken file with the reason, whatever its length, and goes on", async (test) => {
    const { process, exited } = start(test);
    await assert.rejects(process.control(loadRequest({ file: join(example, "../digits/labels.txt") }), limitMs), {
      reason: "refused",
    });
    await assert.rejects(process.control({ operation: "try", sessionId: 1 }, limitMs), { reason: "internal" });
    const endless = `no such operator: ${"\u0001 äöü ".repeat(2_000)}`;
    const config: ModelConfig = { input: [{ name: endless, data_type: "TYPE_FP32", dims: [10] }] };
    await assert.rejects(process.control(loadRequest({ config, name: endless, batching: "untried" }), limitMs), {
      reason: "refused",
    });
    await process.control(loadRequest({ batching: "untried" }), limitMs);
    process.stop();
    assert.equal((await exited).kind, "stopped");
  });
});
