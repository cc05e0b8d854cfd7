import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunUnderWay } from "../../../src/runtime/batching/run-under-way.ts";

const eight = { rows: 8, shapeBucket: 0 };
const predict = ({ rows }: { rows: number }) => rows;

describe("the moment for the next batch", () => {
  it("lies just before the end of the run, further for long runs", () => {
    const run = new RunUnderWay();
    run.onTaken(eight, false, 100);
    assert.equal(run.nextFromMs(predict), 106.5);
    assert.equal(
      run.nextFromMs(() => 100),
      190,
    );
    assert.equal(
      run.nextFromMs(() => 1),
      99.5,
    ); // short runs: at once
  });

  it("counts from the end of the run before for a batch that was sent ahead", () => {
    const run = new RunUnderWay();
    run.onTaken(eight, false, 100);
    run.onTaken({ rows: 4, shapeBucket: 0 }, true, 107);
    assert.equal(run.nextFromMs(predict), 106.5);
    run.onEnded(109);
    assert.equal(run.nextFromMs(predict), 111.5);
  });

  it("is not known without a run, or without a prediction", () => {
    const run = new RunUnderWay();
    assert.equal(run.nextFromMs(predict), Number.POSITIVE_INFINITY);
    run.onTaken(eight, false, 100);
    assert.equal(
      run.nextFromMs(() => undefined),
      Number.POSITIVE_INFINITY,
    );
    run.onEnded(101);
    assert.equal(run.nextFromMs(predict), Number.POSITIVE_INFINITY);
  });
});
