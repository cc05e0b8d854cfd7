import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { instruments } from "../../../src/monitor/telemetry/instruments.ts";
import { createProducer } from "../../../src/monitor/telemetry/producer.ts";
import { CounterSeries, HistogramSeries } from "../../../src/monitor/telemetry/series.ts";
import { maxSeriesPerGroup, SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";

const boundaries = [0, 0.5, 1, 2];

function histogramOf(values: readonly number[]): HistogramSeries {
  const series = new HistogramSeries(boundaries);
  for (const value of values) series.record(value);
  return series;
}

it("series beyond the limit of a group are left out and counted under their own reason", () => {
  const registry = new SeriesRegistry();
  const group = registry.openGroup({});
  for (let i = 0; i <= maxSeriesPerGroup; i++) group.counter(instruments.streamMessages, { index: i });
  assert.equal(registry.dropped("latency", "series_limit").value, 1);
  assert.equal(registry.dropped("latency", "not_finite").value, 0);
});

describe("HistogramSeries", () => {
  it("includes the upper bound in a bucket and excludes the lower", () => {
    const { counts, sum, count } = histogramOf([-1, 0, 0.25, 0.5, 0.75, 1, 2, 2.5]).snapshot();
    assert.deepEqual(counts, [2, 2, 2, 1, 1]);
    assert.equal(sum, 6);
    assert.equal(count, 8);
  });

  it("finds the bucket that a linear search finds", () => {
    fc.assert(
      fc.property(fc.double({ min: -3, max: 3, noNaN: true }), (value) => {
        const expected = boundaries.findIndex((boundary) => value <= boundary);
        const found = histogramOf([value]).snapshot().counts.indexOf(1);
        assert.equal(found, expected === -1 ? boundaries.length : expected);
      }),
    );
  });

  it("drops and counts what is not finite", () => {
    const dropped = new CounterSeries();
    const series = new HistogramSeries(boundaries, dropped);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1]) series.record(value);
    assert.equal(dropped.value, 3);
    assert.equal(series.count, 1);
    assert.equal(series.snapshot().sum, 1);
  });

  it("merges two parts into the whole", () => {
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }).map((thousandths) => thousandths / 256));
    fc.assert(
      fc.property(values, values, (left, right) => {
        const merged = histogramOf(left);
        merged.merge(histogramOf(right));
        assert.deepEqual(merged.snapshot(), histogramOf([...left, ...right]).snapshot());
      }),
    );
  });

  it("gives snapshots that later records do not change", () => {
    const series = histogramOf([1]);
    const before = series.snapshot();
    series.record(1);
    assert.equal(before.count, 1);
    assert.deepEqual(before.counts, [0, 0, 1, 0, 0]);
  });
});

describe("CounterSeries", () => {
  it("drops and counts what is not finite", () => {
    const dropped = new CounterSeries();
    const series = new CounterSeries(dropped);
    series.add(2);
    series.add(Number.NaN);
    series.set(Number.POSITIVE_INFINITY);
    assert.equal(series.value, 2);
    assert.equal(dropped.value, 2);
  });
});

describe("SeriesRegistry.collect", () => {
  it("gives the event loop a turn at least every few thousand series, however they are spread over groups and families", async () => {
    const registry = new SeriesRegistry();
    const series = 40_000;
    for (let group = 0; group < series / 1000; group++) {
      const one = registry.openGroup({ "sluice.model.name": `${group}` });
      for (let feature = 0; feature < 1000; feature++) {
        one.observe(instruments.driftScore, () => 0.1, { "sluice.feature": `${feature}` });
      }
    }
    let families: readonly unknown[] = [];
    const collecting = await turnsDuring(async () => {
      families = await registry.collect();
    });
    assert.equal(families.length, 2, "drift and what the monitor dropped");
    assert.ok(collecting >= series / 2000, `${collecting} turns of the event loop`);
    const converting = await turnsDuring(() => createProducer(registry).collect());
    assert.ok(converting >= collecting + series / 4000, `${converting} turns of the event loop`);
  });
});

/** How often the event loop came round while something went on. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const count = async (): Promise<void> => {
    for (; !isDone; turns++) await setImmediate();
  };
  const counting = count();
  await work();
  isDone = true;
  await counting;
  return turns;
}
