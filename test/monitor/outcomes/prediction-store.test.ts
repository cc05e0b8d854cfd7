import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashId, isSampled } from "../../../src/monitor/outcomes/id-hash.ts";
import {
  createPrediction,
  PredictionStore,
  predictionStoreBytes,
  type ReadPrediction,
} from "../../../src/monitor/outcomes/prediction-store.ts";
import { numbers, twoClasses } from "../../support/recording-sink.ts";

const horizonMs = 1_000;

function keyOf(id: string): Uint32Array {
  const key = new Uint32Array(4);
  hashId(id, key);
  return key;
}

/** Predictions that tell whose they are: the class is the row, the first value the time, the second the row. */
const readRows =
  (atMs: number): ReadPrediction =>
  (row, into) => {
    into.predictedClass = row;
    into.values[0] = atMs;
    into.values[1] = row;
  };

interface Kept {
  readonly id: string;
  readonly atMs: number;
  readonly rows: number;
  readonly truths: Map<number, { truth: number; weight: number; atMs: number }>;
}

/** The store as a list: the oldest first. */
class StoreModel {
  entries: Kept[] = [];
  readonly #maxRows: number;
  evicted = 0;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  keep(id: string, atMs: number, rows: number): string {
    if (rows > this.#maxRows) return "too_many_rows";
    const index = this.entries.findIndex((entry) => entry.id === id);
    if (index >= 0) {
      if ((this.entries[index]?.atMs ?? 0) + horizonMs >= atMs) return "repeated";
      for (let i = 0; i <= index; i++) this.#drop(atMs);
    }
    while (this.#rows() + rows > this.#maxRows || this.entries.length === this.#maxRows) this.#drop(atMs);
    this.entries.push({ id, atMs, rows, truths: new Map() });
    return "kept";
  }

  #rows(): number {
    return this.entries.reduce((sum, { rows }) => sum + rows, 0);
  }

  #drop(nowMs: number): void {
    const oldest = this.entries.shift();
    if (oldest !== undefined && oldest.atMs + horizonMs >= nowMs) this.evicted += oldest.rows - oldest.truths.size;
  }
}

const step = fc.record({
  id: fc.nat(12),
  rows: fc.integer({ min: 0, max: 9 }),
  waitMs: fc.nat(400),
  truthOf: fc.nat(12),
  truthRow: fc.nat(9),
  truth: fc.nat(1),
  weight: fc.double({ min: 0.1, max: 10, noNaN: true }),
});

test("the store keeps what a plain list of the same size keeps: rows, truths, evictions, repeated ids", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.array(step, { maxLength: 120 }), (maxRows, steps) => {
      const store = new PredictionStore(twoClasses, maxRows, horizonMs);
      const model = new StoreModel(maxRows);
      const into = createPrediction(twoClasses);
      let nowMs = 0;
      for (const { id, rows, waitMs, truthOf, truthRow, truth, weight } of steps) {
        nowMs += waitMs;
        assert.equal(store.keep(keyOf(`${id}`), nowMs, rows, readRows(nowMs)), model.keep(`${id}`, nowMs, rows));
        const known = model.entries.find((entry) => entry.id === `${truthOf}`);
        if (known !== undefined && truthRow < known.rows) {
          known.truths.set(truthRow, { truth, weight, atMs: nowMs });
          store.setTruth(store.find(keyOf(`${truthOf}`)), truthRow, { truth, weight, atMs: nowMs });
        }
        for (const entry of model.entries) {
          const place = store.find(keyOf(entry.id));
          assert.equal(store.rowsOf(place), entry.rows);
          assert.equal(store.timeOf(place), entry.atMs);
          for (let row = 0; row < entry.rows; row++) {
            store.read(place, row, into);
            assert.deepEqual([into.atMs, into.predictedClass, ...into.values], [entry.atMs, row, entry.atMs, row]);
            assert.deepEqual(store.truthOf(place, row), entry.truths.get(row));
          }
        }
      }
      const held = model.entries.reduce((sum, { rows }) => sum + rows, 0);
      assert.equal(store.counts.rows, held);
      assert.equal(store.counts.evictedRows, model.evicted);
    }),
    { numRuns: 60 },
  );
});

test("a regression's truths are kept whole, and handed out as copies", () => {
  const layout = numbers(3);
  const store = new PredictionStore(layout, 10, horizonMs);
  store.keep(keyOf("a"), 0, 2, () => {});
  const place = store.find(keyOf("a"));
  store.setTruth(place, 1, { truth: Float64Array.of(1, 2, 0.1), weight: 2, atMs: 7 });
  const known = store.truthOf(place, 1);
  assert.deepEqual(known, { truth: Float64Array.of(1, 2, 0.1), weight: 2, atMs: 7 });
  store.setTruth(place, 1, { truth: Float64Array.of(4, 5, 6), weight: 1, atMs: 7 });
  assert.deepEqual(known?.truth, Float64Array.of(1, 2, 0.1));
});

test("ten times the predictions take no more memory than the store said", () => {
  const layout = numbers(8);
  const maxRows = 2_000;
  const store = new PredictionStore(layout, maxRows, Number.POSITIVE_INFINITY);
  for (let i = 0; i < 10 * maxRows; i++) store.keep(keyOf(`id ${i}`), i, 1, () => {});
  assert.equal(store.counts.rows, maxRows);
  assert.equal(store.counts.evictedRows, 9 * maxRows);
  assert.equal(predictionStoreBytes(layout, maxRows), maxRows * (48 + 4 + 32 + 17 + 64));
});

test("which predictions are kept goes by SHA-256 of the id alone", () => {
  assert.deepEqual([...keyOf("abc")], [0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223]); // FIPS 180-2, appendix B.1
  const key = keyOf("abc");
  assert.equal(isSampled(key, 0xba7816bf / 2 ** 32), false);
  assert.equal(isSampled(key, 0xba7816c0 / 2 ** 32), true);
  assert.equal(isSampled(key, 1), true);
  assert.equal(isSampled(new Uint32Array([0xffffffff, 0, 0, 0]), 1), true);
  assert.equal(isSampled(new Uint32Array([0, 0, 0, 0]), 0), false);
  const kept = Array.from({ length: 20_000 }, (_, i) => keyOf(`order-${i}`)).filter((hashed) =>
    isSampled(hashed, 0.25),
  );
  assert.ok(Math.abs(kept.length / 20_000 - 0.25) < 0.015, `${kept.length}`); // five standard errors
});
