import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyRing } from "../../../src/monitor/outcomes/key-ring.ts";

const keyOf = (number: number) => new Uint32Array([0, 0, 0, number]); // worst keys: they differ in few bits
const secret = new Uint32Array([0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f]);

test("a ring finds exactly the last keys that were added, whatever the order", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(60), { maxLength: 300 }), (capacity, numbers) => {
      const ring = new KeyRing(capacity, secret);
      let model: { number: number; place: number }[] = [];
      for (const number of numbers) {
        const known = model.find((entry) => entry.number === number);
        assert.equal(ring.find(keyOf(number)), known?.place ?? -1);
        if (known !== undefined) continue;
        model.push({ number, place: ring.add(keyOf(number)) });
        model = model.slice(-capacity);
        assert.equal(ring.size, model.length);
      }
      for (let number = 0; number <= 60; number++) {
        assert.equal(ring.find(keyOf(number)), model.find((entry) => entry.number === number)?.place ?? -1);
      }
    }),
  );
});

test("dropping the oldest forgets it and nothing else", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 50 }), fc.nat(50), (numbers, drops) => {
      const ring = new KeyRing(50, secret);
      for (const number of numbers) ring.add(keyOf(number));
      const dropped = Math.min(drops, numbers.length);
      for (let i = 0; i < dropped; i++) ring.dropOldest();
      numbers.forEach((number, index) => {
        assert.equal(ring.find(keyOf(number)), index < dropped ? -1 : index);
      });
    }),
  );
});
