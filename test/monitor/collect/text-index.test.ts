import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TextElements } from "../../../src/monitor/collect/text-elements.ts";
import { TextIndex } from "../../../src/monitor/collect/text-index.ts";
import { tensorOf } from "../../support/monitor-tensors.ts";

const texts = fc.uniqueArray(fc.string({ unit: "grapheme", maxLength: 8 }), { maxLength: 40 });

test("every text is found at its place, and nothing else", () => {
  fc.assert(
    fc.property(texts, fc.array(fc.string({ unit: "grapheme", maxLength: 8 }), { maxLength: 20 }), (known, asked) => {
      const index = new TextIndex(known);
      const all = [...known, ...asked];
      const elements = new TextElements();
      elements.open(tensorOf("x", "BYTES", [all.length], all).data);
      for (const [place, text] of all.entries()) {
        assert.ok(elements.seek(place));
        assert.equal(index.find(elements.data, elements.start, elements.end), known.indexOf(text));
      }
    }),
  );
});

test("elements are found in any order, and not beyond the data", () => {
  const elements = new TextElements();
  elements.open(tensorOf("x", "BYTES", [3], ["a", "", "ccc"]).data);
  const text = (index: number) =>
    elements.seek(index) ? Buffer.from(elements.data.subarray(elements.start, elements.end)).toString() : undefined;
  assert.deepEqual([2, 0, 1, 3, 2].map(text), ["ccc", "a", "", undefined, "ccc"]);
  elements.open(tensorOf("x", "BYTES", [1], ["long"]).data.subarray(0, 6));
  assert.equal(text(0), undefined);
});
