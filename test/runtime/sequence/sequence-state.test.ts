import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import fc from "fast-check";
import type { SequenceState } from "../../../src/model/sequence-plan.ts";
import { noSlot, type SequenceRow, sequenceFlag } from "../../../src/runtime/process/frames.ts";
import { initialStates, SequenceStates, StateTooLargeError } from "../../../src/runtime/sequence/sequence-state.ts";
import type { Tensor } from "../../../src/tensor.ts";
import { valuesOf } from "../../support/runtime-requests.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const pair: SequenceState = { inputName: "in", outputName: "out", datatype: "FP32", dims: [2] };
const open: SequenceState = { ...pair, dims: [-1] };

function states(state: SequenceState = pair, maxBytes = 1e6, isBatched = true): SequenceStates {
  return new SequenceStates([state], initialStates([state], "/nowhere"), { isBatched, maxBytes });
}

const start = (slot: number): SequenceRow => ({ slot, flags: sequenceFlag.start });
const goOn = (slot: number): SequenceRow => ({ slot, flags: 0 });
const last = (slot: number): SequenceRow => ({ slot, flags: sequenceFlag.forget });
const nobody: SequenceRow = { slot: noSlot, flags: 0 };

/** An output of so many rows. */
function output(...rows: readonly number[][]): Tensor[] {
  const data = new Uint8Array(Float32Array.from(rows.flat()).buffer);
  return [{ name: "out", datatype: "FP32", shape: [rows.length, rows[0]?.length ?? 0], data }];
}

/** What a batch would be fed. */
const fed = (kept: SequenceStates, rows: readonly SequenceRow[]) => kept.gather(rows).flatMap(valuesOf);

describe("SequenceStates", () => {
  it("begins with zeros and goes on with what the run gave, slot by slot", () => {
    const kept = states();
    assert.deepEqual(fed(kept, [start(3), start(1)]), [0, 0, 0, 0]);
    kept.commit([start(3), start(1)], output([1, 2], [3, 4]));
    assert.deepEqual(fed(kept, [goOn(1), nobody, goOn(3)]), [3, 4, 0, 0, 1, 2]);
    const [tensor] = kept.gather([goOn(1), nobody, goOn(3)]);
    assert.deepEqual([tensor?.name, tensor?.shape], ["in", [3, 2]]);
  });

  it("keeps nothing of a run that did not commit", () => {
    const kept = states();
    kept.gather([start(0)]);
    kept.commit([start(0)], output([1, 2]));
    kept.gather([goOn(0)]); // and the run fails
    assert.deepEqual(fed(kept, [goOn(0)]), [1, 2]);
  });

  it("a sequence never sees what another one left in its slot, not even when its first run fails", () => {
    const kept = states();
    kept.gather([start(0)]);
    kept.commit([start(0)], output([1, 2]));
    kept.gather([start(0)]); // another sequence; the run fails
    assert.deepEqual(fed(kept, [goOn(0)]), [0, 0]);
  });

  it("fails rather than invent a state", () => {
    const kept = states();
    assert.throws(() => kept.gather([goOn(0)]), /no state in slot 0/);
    kept.gather([start(0)]);
    kept.commit([last(0)], output([1, 2]));
    assert.throws(() => kept.gather([goOn(0)]), /no state in slot 0/);
    assert.equal(kept.bytes, 0);
  });

  it("lets go of what sequences left behind", () => {
    const kept = states();
    kept.gather([start(0), start(1)]);
    kept.commit([start(0), start(1)], output([1, 2], [3, 4]));
    kept.drop([0, 7]);
    assert.equal(kept.bytes, 8);
    assert.throws(() => kept.gather([goOn(0)]), /no state in slot 0/);
    assert.deepEqual(fed(kept, [goOn(1)]), [3, 4]);
  });

  it("refuses outputs that are not one row for each row", () => {
    const kept = states();
    kept.gather([start(0), start(1)]);
    assert.throws(() => kept.commit([start(0), start(1)], output([1, 2])), /for a batch of 2 rows/);
  });

  it("numbers the shapes of states that may grow, and takes only equal ones together", () => {
    const kept = states(open);
    kept.gather([start(0), start(1)]);
    assert.deepEqual(kept.commit([start(0), start(1)], output([1], [2])), [0, 0], "the first shape is the initial one");
    assert.deepEqual(kept.commit([goOn(0)], output([1, 1])), [1]);
    assert.throws(() => kept.gather([goOn(0), goOn(1)]), /of shapes/);
    assert.deepEqual(kept.commit([goOn(1)], output([2, 2])), [1]);
    assert.deepEqual(fed(kept, [goOn(0), goOn(1)]), [1, 1, 2, 2]);
    assert.deepEqual(states().commit([start(0)], output([1, 1])), [], "one shape needs no number");
  });

  it("refuses states beyond their limit and keeps what there was", () => {
    const kept = states(open, 12);
    kept.gather([start(0)]);
    kept.commit([start(0)], output([1, 2]));
    assert.throws(() => kept.commit([goOn(0)], output([1, 2, 3, 4])), StateTooLargeError);
    assert.deepEqual(fed(kept, [goOn(0)]), [1, 2]);
    kept.gather([start(1)]);
    assert.throws(() => kept.gather([start(2)]), StateTooLargeError);
    kept.commit([last(1)], output([1]));
    kept.gather([start(2)]);
    assert.equal(kept.bytes, 12);
  });

  it("has no batch dimension where the model has none", () => {
    const kept = states({ ...pair, dims: [1, 2] }, 1e6, false);
    const [tensor] = kept.gather([start(0)]);
    assert.deepEqual(tensor?.shape, [1, 2]);
    kept.commit([start(0)], output([7, 8]));
    assert.deepEqual(fed(kept, [goOn(0)]), [7, 8]);
  });

  it("load(save(x)) = x, into any slot", () => {
    const row = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const [from, to] = [states(open), states(open)];
        for (const [slot, values] of rows.entries()) {
          from.gather([start(slot)]);
          from.commit([start(slot)], output(values));
          const saved = from.save(slot);
          assert.ok(saved !== undefined);
          to.load(slot + 10, saved);
          assert.deepEqual(fed(to, [goOn(slot + 10)]), values);
        }
        assert.equal(to.bytes, from.bytes);
        assert.equal(from.save(99), undefined);
      }),
    );
  });

  it("takes no state of another model", () => {
    const from = states();
    from.gather([start(0)]);
    const saved = from.save(0) ?? Buffer.alloc(0);
    const other = (state: SequenceState) => () => states(state).load(0, saved);
    assert.throws(other({ ...pair, dims: [3] }), /does not fit/);
    assert.throws(other({ ...pair, datatype: "FP64" }), /does not fit/);
    assert.doesNotThrow(other(open));
  });
});

test("initial states are zeros, or what a file of the model's folder says", (context) => {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, "initial_state"));
  writeFileSync(join(folder, "initial_state", "five"), new Uint8Array(Float32Array.of(5, 6, 7).buffer));
  const from = (file: string | undefined, dims: number[]): SequenceState => ({ ...pair, initial: { dims, file } });
  const [zeros, five] = initialStates([from(undefined, [3]), from("five", [2])], folder);
  assert.deepEqual(
    [zeros, five].map((tensor) => tensor && valuesOf(tensor)),
    [
      [0, 0, 0],
      [5, 6],
    ],
  );
  assert.throws(() => initialStates([from("five", [4])], folder), {
    reason: "refused",
    message: "initial_state setting expects 16 bytes, but the data provided from five only has 12 bytes.",
  });
  assert.throws(() => initialStates([from("six", [4])], folder), { reason: "not_found" });
  const [word] = initialStates([{ ...pair, datatype: "BYTES", dims: [2] }], folder);
  assert.deepEqual(word?.data.length, 8);
});
