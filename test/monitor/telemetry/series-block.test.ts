import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instruments } from "../../../src/monitor/telemetry/instruments.ts";
import { createBlock, familiesOf, mergeBlocks, type SeriesBlock } from "../../../src/monitor/telemetry/series-block.ts";
import { SeriesRegistry } from "../../../src/monitor/telemetry/series-registry.ts";

/** What happens on a front: calls by method, messages under way, durations, how late its loop is. */
interface Event {
  readonly method: number;
  readonly durationEighths: number;
  readonly change: number;
}

const events = fc.array(
  fc.record({
    method: fc.integer({ min: 0, max: 3 }),
    durationEighths: fc.integer({ min: 0, max: 100 }),
    change: fc.integer({ min: -3, max: 3 }),
  }),
  { maxLength: 30 },
);

/** A front that heard of events: sums of eighths are exact in whatever order they are added. */
async function frontOf(heard: readonly Event[], startMs = 1_700_000_000_000): Promise<SeriesBlock> {
  const registry = new SeriesRegistry(() => startMs);
  const group = registry.openGroup({ "sluice.model.name": "m" });
  const methods = [0, 1, 2, 3].filter((method) => heard.some((event) => event.method === method));
  for (const method of methods) {
    const mine = heard.filter((event) => event.method === method);
    const attributes = { "rpc.method": `s/${method}` };
    const started = group.counter(instruments.callsStarted, { "grpc.method": `s/${method}` });
    const active = group.level(instruments.activeCalls, attributes);
    const durations = group.histogram(instruments.callDuration, attributes);
    for (const { durationEighths, change } of mine) {
      started.add(1);
      active.add(change);
      durations.record(durationEighths / 8);
    }
  }
  return createBlock(await registry.collect());
}

/** In one order, without start times. */
function normal(block: SeriesBlock): unknown {
  const lines = Object.entries(block).flatMap(([name, points]) =>
    points.map(({ attributes, value }) => JSON.stringify([name, Object.entries(attributes).sort(), value])),
  );
  return lines.filter((line) => !line.includes("monitor.dropped")).sort();
}

describe("mergeBlocks", () => {
  it("makes of two fronts what one would have that heard of everything", async () => {
    await fc.assert(
      fc.asyncProperty(events, events, async (left, right) => {
        const merged = mergeBlocks(await frontOf(left), await frontOf(right));
        assert.deepEqual(normal(merged), normal(await frontOf([...left, ...right])));
      }),
    );
  });

  it("does not care about the order, and takes a block that was sent", async () => {
    await fc.assert(
      fc.asyncProperty(events, events, events, async (a, b, c) => {
        const [x, y, z] = [await frontOf(a), await frontOf(b), await frontOf(c)];
        const sent: SeriesBlock = JSON.parse(JSON.stringify(z));
        const before = JSON.stringify([x, y]);
        assert.deepEqual(normal(mergeBlocks(mergeBlocks(x, y), sent)), normal(mergeBlocks(z, mergeBlocks(y, x))));
        assert.equal(JSON.stringify([x, y]), before, "neither is changed");
      }),
    );
  });

  it("takes the larger of two gauges and the earlier of two starts", () => {
    const block = (value: number, seconds: number): SeriesBlock => ({
      [instruments.delayP99.name]: [{ attributes: {}, startTime: [seconds, 5], value }],
    });
    const [merged] = mergeBlocks(block(0.2, 9), block(0.1, 7))[instruments.delayP99.name] ?? [];
    assert.deepEqual(merged, { attributes: {}, startTime: [7, 5], value: 0.2 });
  });

  it("adds signed histograms without a sum, and refuses different boundaries", () => {
    const block = (boundaries: readonly number[]): SeriesBlock => ({
      [instruments.featureValue.name]: [
        { attributes: { a: "b" }, startTime: [1, 0], value: { boundaries, counts: [1, 2], sum: undefined, count: 3 } },
      ],
    });
    const [point] = mergeBlocks(block([0]), block([0]))[instruments.featureValue.name] ?? [];
    assert.deepEqual(point?.value, { boundaries: [0], counts: [2, 4], sum: undefined, count: 6 });
    assert.throws(
      () => mergeBlocks(block([0]), block([1])),
      /sluice\.feature\.value has series with different boundaries/,
    );
  });
});

describe("familiesOf", () => {
  it("gives back what was collected, and leaves out what the table does not have", async () => {
    const registry = new SeriesRegistry(() => 1_700_000_000_000);
    registry.server.counter(instruments.callsStarted, { "grpc.method": "m" }).add(2);
    const families = await registry.collect();
    assert.deepEqual(familiesOf({ ...createBlock(families), unknown: [] }), families);
  });
});
