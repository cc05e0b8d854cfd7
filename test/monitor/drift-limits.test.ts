import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import type { ReferenceProfile } from "../../src/model/package-messages.ts";
import { encodeProfile } from "../../src/model/reference-profile.ts";
import { ModelMonitors } from "../../src/monitor/model-monitors.ts";
import { SeriesRegistry } from "../../src/monitor/telemetry/series-registry.ts";
import { createRandomSource } from "../../src/statistics/random.ts";
import { profileOf } from "../support/drift-subject.ts";
import { FakeMonitorClock } from "../support/fake-monitor-clock.ts";
import { describe } from "../support/fake-repository.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A profile of so many features of 20 rows. */
function wideProfile(features: number): ReferenceProfile {
  const world = Object.fromEntries(
    Array.from({ length: features }, (_, i) => [`f${i}`, (random: () => number) => random()]),
  );
  return profileOf(world, 20, createRandomSource(1));
}

/** Loads the monitor of a model of so many features, with a profile of them. @returns the monitors of the server */
async function load(t: TestContext, features: number, profile: Uint8Array, yaml = "") {
  const root = temporaryFolder(t);
  const folder = join(root, "m");
  mkdirSync(join(folder, "1"), { recursive: true });
  writeFileSync(join(folder, "reference_profile.pb"), profile);
  writeFileSync(join(folder, "monitor.yaml"), yaml);
  const clock = new FakeMonitorClock();
  const registry = new SeriesRegistry(() => clock.nowMs());
  const monitors = new ModelMonitors({ registry, serverInstance: "", serverVersion: "", report: () => {}, clock });
  t.after(() => monitors.stop());
  const known = describe("m");
  const inputs = [{ name: "features", datatype: "FP32", dims: [features] } as const];
  const description = { ...known, signature: { ...known.signature, inputs, outputs: [] } };
  await monitors.prepare({ name: "m", version: "1", file: join(folder, "1", "model.onnx"), folder }, description);
  monitors.onModelState("m", "1", "READY", { reason: "", description });
  return monitors;
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof InferenceError && error.reason === "refused", String(error));
    return error.message;
  }
  assert.fail("not refused");
}

test("a thousand features are watched within the memory limit", async (t) => {
  const { models } = await (await load(t, 1000, encodeProfile(wideProfile(1000)))).report();
  assert.equal(models[0]?.data.signal_count, 1000);
});

test("a profile of five thousand features is refused with the limit", async () => {
  const profile = wideProfile(5000);
  assert.match(await refusal(() => encodeProfile(profile)), /it has 5000 signals, at most 2048 are allowed/);
});

test("more series than an instrument may have are refused with what to change", async (t) => {
  const profile = encodeProfile(wideProfile(600));
  const message = await refusal(() => load(t, 600, profile, "data: { exportSignals: 600 }"));
  assert.match(message, /exportSignals/);
});

test("more memory than a monitor may take is refused with what takes it", async (t) => {
  const profile = encodeProfile(wideProfile(2048));
  const message = await refusal(() => load(t, 2048, profile, "windows: { blocks: 1440 }"));
  assert.match(message, /bytes of memory, at most \d+ are allowed/);
});
