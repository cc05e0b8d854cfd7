import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Turns } from "../../../src/monitor/telemetry/turns.ts";

describe("Turns", () => {
  it("converts everything in order, with a turn of the event loop between every so many", async () => {
    const turns = new Turns(3);
    const items = Array.from({ length: 10 }, (_, index) => index);
    const seen: number[] = [];
    let done = false;
    const watch = async (): Promise<void> => {
      for (; !done; await setImmediate()) seen.push(converted);
    };
    let converted = 0;
    const watching = watch();
    const results = await turns.map(items, (item) => {
      converted++;
      return item * 2;
    });
    done = true;
    await watching;
    assert.deepEqual(
      results,
      items.map((item) => item * 2),
    );
    for (const [index, count] of seen.entries()) assert.ok(count - (seen[index - 1] ?? 0) <= 3, `${seen}`);
  });

  it("goes on at once while little was done, also before a single large piece", async () => {
    const turns = new Turns(1000);
    let isLate = false;
    const later = setImmediate().then(() => {
      isLate = true;
    });
    await turns.before(5000);
    assert.equal(isLate, false);
    await turns.before(1);
    assert.equal(isLate, true);
    await later;
  });
});
