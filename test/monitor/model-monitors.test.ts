import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ModelMonitors } from "../../src/monitor/model-monitors.ts";
import type { CreateModelPart, ModelPart } from "../../src/monitor/model-part.ts";
import { summaryOf } from "../../src/monitor/report-summary.ts";
import { SeriesRegistry } from "../../src/monitor/telemetry/series-registry.ts";
import { FakeMonitorClock } from "../support/fake-monitor-clock.ts";
import { describe } from "../support/fake-repository.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A part that keeps what it hears. */
class RecordingPart implements ModelPart {
  readonly name = "quality";
  readonly blockEnds: number[] = [];
  isClosed = false;

  onBlockEnd(nowMs: number): void {
    this.blockEnds.push(nowMs);
  }
  report(): void {}
  close(): void {
    this.isClosed = true;
  }
}

function subject(parts: readonly CreateModelPart[]) {
  const clock = new FakeMonitorClock();
  const registry = new SeriesRegistry(() => clock.nowMs());
  const logged: string[] = [];
  const report = (_level: string, message: string) => void logged.push(message);
  const gauges = { readLoopDelay: () => 0, frontBytes: () => 1, runtimeBytes: () => 2, stop: () => {} };
  const monitors = new ModelMonitors({
    registry,
    serverInstance: "me",
    serverVersion: "1.2.3",
    report,
    clock,
    gauges,
    parts,
  });
  return { clock, registry, logged, monitors };
}

const nowhere = { name: "m", version: "1", file: "/nowhere/m/1/model.onnx", folder: "/nowhere/m" };

test("a version is watched from READY until it is removed or replaced", async () => {
  const made: RecordingPart[] = [];
  const { monitors } = subject([
    () => {
      const part = new RecordingPart();
      made.push(part);
      return part;
    },
  ]);
  const first = describe("m");
  await monitors.prepare(nowhere, first);
  assert.deepEqual((await monitors.report()).models, [], "not before it is ready");
  monitors.onModelState("m", "1", "READY", { reason: "", description: first });
  const second = describe("m");
  await monitors.prepare(nowhere, second);
  monitors.onModelState("m", "1", "UNLOADING", { reason: "" });
  assert.equal((await monitors.report()).models[0]?.state, "UNLOADING");
  monitors.onModelState("m", "1", "READY", { reason: "", description: second });
  assert.deepEqual(
    made.map(({ isClosed }) => isClosed),
    [true, false],
  );
  assert.equal((await monitors.report()).models.length, 1);
  monitors.onModelRemoved("m", "1");
  assert.deepEqual(
    made.map(({ isClosed }) => isClosed),
    [true, true],
  );
  assert.deepEqual((await monitors.report()).models, []);
});

test("blocks end on multiples of their length, and a missed one is not made up for", async (context) => {
  const root = temporaryFolder(context);
  mkdirSync(join(root, "m", "1"), { recursive: true });
  writeFileSync(join(root, "m", "monitor.yaml"), "windows: {blockSeconds: 5}\n");
  const part = new RecordingPart();
  const { monitors, clock } = subject([() => part]);
  const description = describe("m");
  await monitors.prepare(
    { ...nowhere, folder: join(root, "m"), file: join(root, "m", "1", "model.onnx") },
    description,
  );
  monitors.onModelState("m", "1", "READY", { reason: "", description });
  const startMs = clock.nowMs();
  clock.advance(4_900);
  assert.deepEqual(part.blockEnds, []);
  for (let i = 0; i < 12; i++) clock.advance(1_000);
  assert.deepEqual(
    part.blockEnds.map((atMs) => atMs - startMs),
    [5_000, 10_000, 15_000],
  );
  monitors.stop();
  clock.advance(60_000);
  assert.equal(part.blockEnds.length, 3);
});

test("what a part throws is counted and logged once, and the others go on", async () => {
  const calm = new RecordingPart();
  const { monitors, clock, logged } = subject([
    () => ({
      name: "data",
      onBlockEnd: () => {
        throw new Error("broken");
      },
      report: () => {
        throw new Error("broken");
      },
    }),
    () => calm,
  ]);
  const description = describe("m");
  await monitors.prepare(nowhere, description);
  monitors.onModelState("m", "1", "READY", { reason: "", description });
  clock.advance(130_000);
  assert.equal(calm.blockEnds.length, 2);
  const [model] = (await monitors.report()).models;
  assert.deepEqual(model?.dropped, [{ monitor: "data", reason: "exception", count: 3 }]);
  assert.deepEqual(logged, ["quality is not watched", "a monitor failed; further failures are only counted"]);
});

test("a part that cannot be made refuses the load", async () => {
  const { monitors } = subject([
    () => {
      throw new Error("refused");
    },
  ]);
  await assert.rejects(() => monitors.prepare(nowhere, describe("m")), /refused/);
});

test("the series of a version end with it, and those of one that never became ready are not there", async () => {
  const { monitors, registry } = subject([
    ({ series }) => {
      series.level({ name: "x", kind: "gauge", unit: "1", description: "", attributes: [] });
      return new RecordingPart();
    },
  ]);
  const before = registry.groupCount;
  const description = describe("m");
  await monitors.prepare(nowhere, describe("m"));
  await monitors.prepare(nowhere, description);
  assert.equal(registry.groupCount, before);
  monitors.onModelState("m", "1", "READY", { reason: "", description });
  assert.equal(registry.groupCount, before + 1);
  monitors.onModelRemoved("m", "1");
  assert.equal(registry.groupCount, before);
});

test("a summary leaves out what takes much room", async () => {
  const { monitors, clock } = subject([
    () => ({
      name: "data",
      report: (into) => {
        into.data = {
          ...into.data,
          signals: [{ name: "x", role: "SIGNAL_ROLE_INPUT", scores: [], anomalies: [], drifted: true }],
          drifted_signals: 1,
        };
        into.quality = { ...into.quality, confusion: { labels: ["a"], counts: [1] }, history: [], predictions: 5 };
      },
    }),
  ]);
  const description = describe("m");
  await monitors.prepare(nowhere, description);
  monitors.onModelState("m", "1", "READY", { reason: "", description });
  clock.advance(10_000);
  const { models, history } = summaryOf(await monitors.report());
  assert.equal(history.length, 1);
  assert.deepEqual([models[0]?.data.signals, models[0]?.data.drifted_signals], [[], 1]);
  assert.deepEqual([models[0]?.quality.confusion, models[0]?.quality.predictions], [undefined, 5]);
});
