import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunKnowledge } from "../../../src/runtime/batching/run-knowledge.ts";
import type { BatchRecord } from "../../../src/runtime/observer.ts";
import { queuePolicy } from "../../../src/runtime/queue/queue-policy.ts";
import { RequestQueue } from "../../../src/runtime/queue/request-queue.ts";
import { entryOf } from "../../support/runtime-requests.ts";

function ran(rows: number, computeInferMs: number, hopMs = 0): BatchRecord {
  return {
    rows,
    padding: 0,
    reason: "full",
    takenMs: 100,
    computeInputMs: 1,
    computeInferMs,
    computeOutputMs: 1,
    endedMs: 102 + computeInferMs + hopMs,
    error: undefined,
    requests: [],
  };
}

const full = { rows: 8, shapeBucket: 0, isAhead: false, isFull: true };

describe("what is learned of runs", () => {
  it("tells nothing before the first one", () => {
    const knowledge = new RunKnowledge(8);
    assert.equal(knowledge.predictMs(8, 0), undefined);
    assert.equal(knowledge.shortestRunMs, 0);
    assert.equal(knowledge.leastWaitMs(80, 1, new RequestQueue(queuePolicy({}), () => {}), false), 0);
  });

  it("predicts with the hop to the process, and promises the fastest run", () => {
    const knowledge = new RunKnowledge(8);
    knowledge.learn(full, ran(8, 6, 1));
    assert.equal(knowledge.predictMs(8, 0), 9);
    assert.equal(knowledge.shortestRunMs, 9);
    knowledge.learn(full, ran(8, 4));
    assert.equal(knowledge.shortestRunMs, 6);
  });

  it("does not take the wait behind another batch for run time", () => {
    const knowledge = new RunKnowledge(8);
    for (let run = 0; run < 20; run++) knowledge.learn({ ...full, isAhead: true }, ran(8, 6, 50));
    assert.equal(knowledge.predictMs(8, 0), 8);
  });

  it("tells how long the rows that wait take at least, on all instances; of shapes that never ran nothing", () => {
    const knowledge = new RunKnowledge(8);
    knowledge.learn(full, ran(8, 6));
    const queue = new RequestQueue(queuePolicy({}), () => {});
    queue.push(entryOf({ rows: 1 }), 1);
    assert.equal(knowledge.leastWaitMs(80, 1, queue, false), 80);
    assert.equal(knowledge.leastWaitMs(80, 2, queue, false), 40);
    assert.equal(knowledge.leastWaitMs(80, 1, queue, true), 80);
    const unseen = new RequestQueue(queuePolicy({}), () => {});
    const entry = entryOf({ rows: 1 });
    unseen.push({ ...entry, measure: { ...entry.measure, shapeBucket: 3 } } as typeof entry, 1);
    assert.equal(knowledge.leastWaitMs(80, 1, unseen, true), 0);
  });

  it("is believed by half after a refusal, until a batch has run", () => {
    const knowledge = new RunKnowledge(8);
    knowledge.learn(full, ran(8, 6));
    const queue = new RequestQueue(queuePolicy({}), () => {});
    knowledge.doubt();
    assert.equal(knowledge.shortestRunMs, 4);
    assert.equal(knowledge.leastWaitMs(80, 1, queue, false), 40);
  });
});
