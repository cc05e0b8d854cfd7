import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Sequence } from "../../../src/runtime/sequence/sequence.ts";
import { decideDirect, decideOldest, type SequencePolicy } from "../../../src/runtime/sequence/sequence-batcher.ts";
import { entryOf } from "../../support/runtime-requests.ts";

const now = 1_000;

interface Waiting {
  readonly queuedMs?: number;
  readonly shapeKey?: string;
  readonly bytes?: number;
  readonly stateShape?: number;
  readonly isStart?: boolean;
}

/** A sequence with one request that may run; undefined: with none. */
function waiting(id: number, request?: Waiting): Sequence {
  const sequence = new Sequence(BigInt(id), `#${id}`);
  if (request === undefined) return sequence;
  const { queuedMs = now, shapeKey = "", bytes = 1, stateShape = 0, isStart = false } = request;
  sequence.readyMs = queuedMs;
  sequence.stateShape = stateShape;
  sequence.waiting.push({
    entry: entryOf({ queuedMs, shapeKey, bytes }),
    isStart,
    isEnd: false,
    correlation: undefined,
  });
  return sequence;
}

const direct = (maxDelayMs = 0, minSlotUtilization = 0, maxBytes = 1e6): SequencePolicy => ({
  strategy: { kind: "direct", maxDelayMs, minSlotUtilization },
  maxRows: 4,
  maxBytes,
});

const oldest = (maxDelayMs = 0, preferredSizes = [4], maxBytes = 1e6): SequencePolicy => ({
  strategy: { kind: "oldest", maxDelayMs, preferredSizes },
  maxRows: 4,
  maxBytes,
});

/** Ids of the rows, `-` for one without a request, and why; or until when to wait. */
function told(decision: ReturnType<typeof decideDirect>): string {
  if (decision.kind === "wait") return `wait until ${decision.untilMs}`;
  if (decision.kind === "empty") return "empty";
  return `${decision.rows.map((row) => row?.id ?? "-").join(" ")}: ${decision.reason}`;
}

describe("the direct strategy", () => {
  it("runs each sequence in the row of its slot", () => {
    const slots = [undefined, waiting(2, {}), waiting(3), waiting(4, {})];
    assert.equal(told(decideDirect(slots, direct(), now)), "- 2 - 4: idle");
    assert.equal(told(decideDirect([waiting(1, {}), undefined, waiting(3)], direct(), now)), "1: idle");
    const all = [1, 2, 3, 4].map((id) => waiting(id, {}));
    assert.equal(told(decideDirect(all, direct(), now)), "1 2 3 4: full");
    assert.equal(told(decideDirect([undefined, waiting(2)], direct(), now)), "empty");
  });

  it("never runs two requests of one sequence at a time", () => {
    const busy = waiting(1, {});
    busy.running = busy.waiting[0];
    assert.equal(told(decideDirect([busy, waiting(2, {})], direct(), now)), "- 2: idle");
    assert.equal(told(decideDirect([busy], direct(), now)), "empty");
  });

  it("waits for enough slots only when both a delay and a utilization are set", () => {
    const slots = [waiting(1, { queuedMs: now - 3 }), waiting(2), waiting(3)];
    assert.equal(told(decideDirect(slots, direct(10, 0.5), now)), `wait until ${now + 7}`);
    assert.equal(told(decideDirect(slots, direct(10, 0), now)), "1: idle");
    assert.equal(told(decideDirect(slots, direct(0, 0.5), now)), "1: idle");
    assert.equal(told(decideDirect(slots, direct(10, 0.25), now)), "1: idle");
    assert.equal(told(decideDirect(slots, direct(10, 0.5), now + 7)), `wait until ${now + 7}`, "longer than the delay");
    assert.equal(told(decideDirect(slots, direct(10, 0.5), now + 7.1)), "1: idle");
    assert.equal(told(decideDirect([...slots, waiting(4, {})], direct(10, 0.5), now)), "1 - - 4: idle");
  });

  it("leaves out what has another shape, of inputs or of states", () => {
    const slots = [waiting(1, { shapeKey: "a" }), waiting(2, { shapeKey: "b" }), waiting(3, { shapeKey: "a" })];
    assert.equal(told(decideDirect(slots, direct(), now)), "1 - 3: shape");
    const states = [waiting(1, { stateShape: 5 }), waiting(2, { stateShape: 6 }), waiting(3, { stateShape: 5 })];
    assert.equal(told(decideDirect(states, direct(), now)), "1 - 3: shape");
    const started = [waiting(1, { stateShape: 0 }), waiting(2, { stateShape: 6, isStart: true })];
    assert.equal(told(decideDirect(started, direct(), now)), "1 2: idle", "a START begins with the first shapes");
  });

  it("runs what has waited longest, whatever comes in lower slots", () => {
    const slots = [waiting(1, { shapeKey: "a" }), waiting(2, { shapeKey: "b", queuedMs: now - 1 })];
    assert.equal(told(decideDirect(slots, direct(), now)), "- 2: shape");
    const large = [waiting(1, { bytes: 60 }), waiting(2, { bytes: 60, queuedMs: now - 1 })];
    assert.equal(told(decideDirect(large, direct(0, 0, 100), now)), "2: shape");
  });

  it("takes no more bytes than the arena has, also where rows of texts differ in length", () => {
    const slots = [waiting(1, { bytes: 10 }), waiting(2, { bytes: 60 }), waiting(3, { bytes: 60 })];
    assert.equal(told(decideDirect(slots, direct(0, 0, 100), now)), "1 2: shape");
  });

  it("has no rows between, where they would exceed the arena, and no more rows than fit", () => {
    const slots = [undefined, waiting(2, { bytes: 40 }), undefined, waiting(4, { bytes: 40 })];
    assert.equal(told(decideDirect(slots, direct(0, 0, 100), now)), "2 4: idle");
    assert.equal(told(decideDirect(slots, direct(0, 0, 60), now)), "2: shape");
  });
});

describe("the oldest strategy", () => {
  const ready = (count: number, request: Waiting = {}) =>
    Array.from({ length: count }, (_, i) => waiting(i + 1, request));

  it("runs what is ready in its order, up to the largest batch", () => {
    assert.equal(told(decideOldest(ready(3), oldest(), now)), "1 2 3: idle");
    assert.equal(told(decideOldest(ready(6), oldest(), now)), "1 2 3 4: full");
    assert.equal(told(decideOldest([], oldest(), now)), "empty");
  });

  it("waits for a preferred size, until the delay has passed", () => {
    assert.equal(told(decideOldest(ready(1), oldest(10, [2, 4]), now)), `wait until ${now + 10}`);
    assert.equal(told(decideOldest(ready(1), oldest(10, [2, 4]), now + 10)), "1: timeout");
    assert.equal(told(decideOldest(ready(2), oldest(10, [2, 4]), now)), "1 2: preferred");
    assert.equal(told(decideOldest(ready(3), oldest(10, [2, 4]), now)), "1 2: preferred");
    assert.equal(told(decideOldest(ready(3), oldest(10, [2, 4]), now + 10)), "1 2 3: timeout", "best is ignored then");
    assert.equal(told(decideOldest(ready(3), oldest(0, [2]), now)), "1 2: preferred");
  });

  it("ends a batch at another shape, and at what the arena takes", () => {
    const shapes = [waiting(1, { shapeKey: "a" }), waiting(2, { shapeKey: "b" }), waiting(3, { shapeKey: "a" })];
    assert.equal(told(decideOldest(shapes, oldest(10), now)), "1: shape");
    assert.equal(told(decideOldest(ready(3, { bytes: 40 }), oldest(0, [4], 100), now)), "1 2: full");
  });
});
