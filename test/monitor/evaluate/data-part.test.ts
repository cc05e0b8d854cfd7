import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReferenceProfile } from "../../../src/model/package-messages.ts";
import { RowCollector } from "../../../src/monitor/collect/row-collector.ts";
import { createDataPart } from "../../../src/monitor/evaluate/data-part.ts";
import { ModelMonitor, maxMonitorBytes } from "../../../src/monitor/model-monitor.ts";
import { createRandomSource } from "../../../src/statistics/random.ts";
import type { Tensor } from "../../../src/tensor.ts";
import { profileOf } from "../../support/drift-subject.ts";
import { describe } from "../../support/fake-repository.ts";
import { recordOf } from "../../support/monitor-requests.ts";
import { responseOf, signatureOf, specOf, tensorOf } from "../../support/monitor-tensors.ts";
import { MonitoredModel } from "../../support/monitored-model.ts";

function subject(columns: number, yaml = "", profile?: ReferenceProfile) {
  const signature = signatureOf([specOf("y", "FP32", [1])], [specOf("features", "FP32", [columns])]);
  const model = new MonitoredModel(describe("m", { signature }), yaml, profile);
  const part = createDataPart(model.context)!;
  const { context } = model;
  const collector = new RowCollector(signature, context.signals, context.sampler, {
    onRows: (rows) => part.onRows?.(rows),
    onLost: () => {},
  });
  const ask = (input: Tensor, output: readonly number[]) => {
    const record = recordOf([input], {}, model.clock.monotonicMs());
    collector.onAdmitted(record);
    const y = tensorOf("y", "FP32", [output.length, 1], output);
    collector.onResponse(record, responseOf(y), model.clock.nowMs());
    collector.onEnd(record);
    model.clock.advance(1); // a block that begins at this very moment is not in a window that ends with it
  };
  return { model, part, ask };
}

async function seriesOf({ registry }: MonitoredModel, name: string) {
  const families = await registry.collect();
  const points = families.find(({ instrument }) => instrument.name === name)?.points ?? [];
  return points.map(({ attributes, value }) => {
    const labels = ["sluice.feature", "sluice.kind", "sluice.sampled"].flatMap((key) => attributes[key] ?? []);
    return [labels.join(" "), typeof value === "number" ? value : value.counts] as const;
  });
}

test("without a reference nulls, NaN and infinities are counted, in the report and from the first one on as series", async () => {
  const { model, part, ask } = subject(2);
  ask(tensorOf("features", "FP32", [3, 2], [1, 5, Number.NaN, 7, Number.POSITIVE_INFINITY, 9]), [1, 2, Number.NaN]);
  const { data } = model.report(part);
  assert.deepEqual(
    data.signals.map(({ name, anomalies }) => [name, anomalies.map(({ kind, count }) => `${count} ${kind}`)]),
    [
      ["features[0]", ["1 nan", "1 inf"]],
      ["features[1]", []],
      ["y", ["1 nan"]],
    ],
  );
  assert.equal(data.signals[1]?.current?.numeric?.mean, 7);
  assert.equal(data.window?.rows, 3);
  assert.deepEqual(await seriesOf(model, "sluice.feature.anomalies"), [
    ["features[0] nan", 1],
    ["features[0] inf", 1],
    ["y nan", 1],
  ]);
  assert.deepEqual(await seriesOf(model, "sluice.monitor.rows"), [
    ["false", 0],
    ["true", 3],
  ]);
  assert.deepEqual(await seriesOf(model, "sluice.feature.value"), []);
});

test("the window forgets what is older, the series do not", () => {
  const { model, part, ask } = subject(1, "windows: {blockSeconds: 10, blocks: 2}");
  ask(tensorOf("features", "FP32", [1, 1], [Number.NaN]), [1]);
  model.clock.advance(20_000);
  assert.equal(model.report(part).data.signals[0]?.anomalies.length, 1);
  model.clock.advance(10_000);
  assert.equal(model.report(part).data.signals[0]?.anomalies.length, 0);
  assert.equal(model.report(part).data.window, undefined);
});

const world = {
  age: (random: () => number) => 20 + Math.floor(60 * random()),
  height: (random: () => number) => random() - 0.5,
};

test("with a reference what is outside of it is counted, and values on its edges are a histogram without a sum", async () => {
  const profile = profileOf(world, 1000, createRandomSource(1));
  const { model, part, ask } = subject(2, "", profile);
  ask(tensorOf("features", "FP32", [4, 2], [30, 0, 19, 0.1, 200, -0.2, 79, 0.3]), [1, 1, 1, 1]);
  const anomalies = Object.fromEntries(await seriesOf(model, "sluice.feature.anomalies"));
  assert.equal(anomalies["age out_of_range"], 2);
  assert.equal(anomalies["height nan"], 0, "with a reference every kind is there from the first row on");
  const [age] = await seriesOf(model, "sluice.feature.value");
  assert.equal(age?.[0], "age");
  const counts = age?.[1] as readonly number[];
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    4,
  );
  assert.equal(counts.at(-1), 1);
  assert.equal(counts.length, profile.signals[0]!.numeric!.edges.length + 1);
  assert.equal(model.report(part).data.signals[0]?.anomalies[0]?.kind, "out_of_range");
});

test("more series than a scrape should have are refused when they were asked for, and left out else", () => {
  const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, world.height]));
  const profile = profileOf(wide, 100, createRandomSource(1));
  assert.throws(() => subject(300, "data: {exportSignals: 300}", profile), {
    reason: "refused",
    message: /^monitor.yaml: data.exportSignals is 300, but from signal 'f\d+' on the series of sluice.feature.value/,
  });
  const { model, part } = subject(300, "", profile);
  assert.match(model.report(part).data.note, /^268 of 300 signals have no series of their own/);
  assert.equal(model.logged.length, 1);
});

test("5,000 features: a clear message, bounded memory, a load that is refused where windows would overflow", () => {
  const one = profileOf({ f: world.height }, 100, createRandomSource(1)).signals[0]!;
  const signals = Array.from({ length: 5000 }, (_, column) => ({ ...one, name: `f${column}`, column }));
  const profile = { ...profileOf({ f: world.height }, 100, createRandomSource(1)), signals };
  const { model, part } = subject(5000, "", profile);
  assert.match(model.report(part).data.note, /of 5000 signals the first 2048 are watched.*have no series/);
  assert.ok(part.maxBytes! < maxMonitorBytes / 4, `${part.maxBytes}`);
  const { model: long } = subject(5000, "windows: {blocks: 1440}", profile);
  assert.throws(() => new ModelMonitor(long.context, [createDataPart]), {
    reason: "refused",
    message: /at most 134217728 are allowed; \d+ of them are those of 'data' for 1440 blocks and 2048 signals/,
  });
  new ModelMonitor(model.context, [createDataPart]);
});
