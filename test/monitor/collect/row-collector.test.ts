import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Signature } from "../../../src/inference.ts";
import type { ReferenceProfile, SignalProfile } from "../../../src/model/package-messages.ts";
import { maxPendingBytes, RowCollector } from "../../../src/monitor/collect/row-collector.ts";
import { RowSampler } from "../../../src/monitor/collect/row-sampler.ts";
import {
  markAbsent,
  markInfinite,
  markNan,
  markNull,
  markOk,
  markUnseen,
  type SampledRows,
} from "../../../src/monitor/collect/sampled-rows.ts";
import { maxSignals, signalLayout } from "../../../src/monitor/collect/signal-layout.ts";
import type { RequestRecord } from "../../../src/runtime/observer.ts";
import { recordOf } from "../../support/monitor-requests.ts";
import { responseOf, signatureOf, specOf, tensorOf } from "../../support/monitor-tensors.ts";

const numeric = {
  edges: [0, 1],
  counts: [1],
  underflow_count: 0,
  overflow_count: 0,
  null_count: 0,
  infinite_count: 0,
  count: 1,
  mean: 0,
  m2: 0,
  minimum: 0,
  maximum: 1,
  quantiles: [],
};

function profileOf(signals: readonly Partial<SignalProfile>[]): ReferenceProfile {
  const defaults = { name: "", tensor: "", column: 0, datatype: "FP32", role: "SIGNAL_ROLE_INPUT" } as const;
  return {
    format_version: 1,
    model_name: "",
    model_version: 0,
    row_count: 1,
    signals: signals.map((signal) => ({ ...defaults, name: `${signal.tensor}${signal.column ?? ""}`, ...signal })),
    calibrations: [],
    expected: [],
    labels: [],
  };
}

function subject(
  signature: Signature,
  { profile, limit = 1e6, maxColumns = 256 }: { profile?: ReferenceProfile; limit?: number; maxColumns?: number } = {},
) {
  const layout = signalLayout(signature, profile, maxColumns);
  const rows: (readonly number[])[] = [];
  const marks: (readonly number[])[] = [];
  let lost = 0;
  const keep = ({ count, width, values, marks: kinds }: SampledRows) => {
    for (let row = 0; row < count; row++) {
      rows.push([...values.subarray(row * width, (row + 1) * width)]);
      marks.push([...kinds.subarray(row * width, (row + 1) * width)]);
    }
  };
  const sampler = new RowSampler(limit);
  const collector = new RowCollector(signature, layout, sampler, { onRows: keep, onLost: (count) => (lost += count) });
  return { collector, sampler, rows, marks, layout, lost: () => lost };
}

const plain = signatureOf([specOf("y", "FP32", [1])], [specOf("x", "FP32", [2])]);

test("rows come with the inputs they had at admission and the outputs of the answer", () => {
  const { collector, rows, layout } = subject(plain);
  assert.deepEqual(
    layout.signals.map(({ name }) => name),
    ["x[0]", "x[1]", "y"],
  );
  const input = tensorOf("x", "FP32", [2, 2], [1, 2, 3, 4]);
  const record = recordOf([input]);
  collector.onAdmitted(record);
  input.data.fill(0); // its memory is somebody else's by now
  assert.equal(collector.pending, 2);
  collector.onResponse(record, responseOf(tensorOf("y", "FP32", [2, 1], [10, 20])), 7);
  collector.onEnd(record);
  assert.deepEqual(rows, [
    [1, 2, 10],
    [3, 4, 20],
  ]);
  assert.equal(collector.pending, 0);
});

test("several inputs, texts, integers, categories: each value with what it is", () => {
  const signature = signatureOf(
    [specOf("label", "BYTES", [1]), specOf("p", "FP32", [2])],
    [
      specOf("age", "FP64", [1]),
      specOf("town", "BYTES", [2]),
      specOf("code", "INT64", [1]),
      specOf("gone", "FP32", [1]),
    ],
  );
  const profile = profileOf([
    { tensor: "p", column: 1, role: "SIGNAL_ROLE_OUTPUT", score: numeric },
    { tensor: "age", datatype: "FP64", numeric },
    {
      tensor: "town",
      column: 1,
      datatype: "BYTES",
      categorical: {
        categories: [
          { text: "Bern", count: 1 },
          { text: "Zürich", count: 1 },
        ],
        other_count: 0,
        null_count: 0,
      },
    },
    {
      tensor: "code",
      datatype: "INT64",
      categorical: {
        categories: [
          { code: -5, count: 1 },
          { code: 70, count: 2 },
        ],
        other_count: 0,
        null_count: 0,
      },
    },
    { tensor: "gone", numeric },
    {
      tensor: "label",
      datatype: "BYTES",
      role: "SIGNAL_ROLE_OUTPUT",
      categorical: { categories: [{ text: "yes", count: 1 }], other_count: 0, null_count: 0 },
    },
  ]);
  const { collector, rows, marks, layout } = subject(signature, { profile });
  assert.deepEqual(
    layout.signals.map(({ tensor }) => tensor),
    ["age", "town", "code", "gone", "p", "label"],
  );
  assert.equal(layout.inputCount, 4);
  const record = recordOf([
    tensorOf("town", "BYTES", [4, 2], ["Bern", "Zürich", "Bern", "Zug", "Bern", "", "Bern", "Bern"]),
    tensorOf("age", "FP64", [4, 1], [31.5, Number.NaN, Number.POSITIVE_INFINITY, 1]),
    tensorOf("code", "INT64", [4, 1], [70, -5, 0, 70]),
  ]);
  collector.onAdmitted(record);
  collector.onResponse(record, responseOf(tensorOf("label", "BYTES", [4, 1], ["no", "yes", "yes", "yes"])), 7);
  assert.deepEqual(marks, [
    [markOk, markOk, markOk, markNull, markAbsent, markUnseen],
    [markNan, markUnseen, markOk, markNull, markAbsent, markOk],
    [markInfinite, markNull, markUnseen, markNull, markAbsent, markOk],
    [markOk, markOk, markOk, markNull, markAbsent, markOk],
  ]);
  assert.deepEqual(rows.map(([age, town, code]) => [age, town, code].slice(0, 3)).at(0), [31.5, 1, 1]);
  assert.deepEqual([rows[1]?.[2], rows[3]?.[1]], [0, 0]);
});

test("a tensor of many columns, or of no fixed number, is watched by statistics over them", () => {
  const signature = signatureOf(
    [specOf("y", "FP32", [1])],
    [specOf("image", "UINT8", [2, 2]), specOf("free", "FP32", [-1])],
  );
  const { collector, rows, marks, layout } = subject(signature, { maxColumns: 3 });
  assert.deepEqual(
    layout.signals.slice(0, 6).map(({ name }) => name),
    ["image.mean", "image.deviation", "image.minimum", "image.maximum", "image.zeros", "free.mean"],
  );
  const record = recordOf([
    tensorOf("image", "UINT8", [2, 2, 2], [0, 0, 4, 4, 7, 7, 7, 7]),
    tensorOf("free", "FP32", [2, 3], [1, Number.NaN, 3, Number.NaN, Number.NaN, Number.NaN]),
  ]);
  collector.onAdmitted(record);
  collector.onResponse(record, responseOf(), 7);
  assert.deepEqual(rows[0]?.slice(0, 10), [2, 2, 0, 4, 0.5, 2, 1, 1, 3, 0]);
  assert.deepEqual(rows[1]?.slice(0, 5), [7, 0, 7, 7, 0]);
  assert.deepEqual(marks[0]?.slice(5, 10), [markNan, markOk, markOk, markOk, markOk]);
  assert.deepEqual(marks[1]?.slice(5, 10), [markNan, markNan, markNan, markNan, markNan]);
});

test("5,000 columns take bounded memory: as columns only the first are watched, and the note says so", () => {
  const wide = signatureOf([specOf("y", "FP32", [1])], [specOf("x", "FP32", [5000])]);
  const statistics = subject(wide);
  assert.equal(statistics.layout.signals.length, 6);
  const profile = profileOf(Array.from({ length: 5000 }, (_, column) => ({ tensor: "x", column, numeric })));
  const columns = subject(wide, { profile });
  assert.equal(columns.layout.signals.length, maxSignals);
  assert.match(columns.layout.note, /^of 5000 signals the first 2048 are watched/);
  assert.ok(columns.collector.byteLength <= maxPendingBytes + 64 * maxSignals * 9, `${columns.collector.byteLength}`);
});

type Ending = "answered" | "failed" | "refused";

test("whatever is admitted, answered, cancelled or failed in whatever order: rows answered are handed on once, and nothing leaks", () => {
  const requests = fc.array(
    fc.record({
      rows: fc.integer({ min: 0, max: 90 }),
      ending: fc.constantFrom<Ending>("answered", "failed", "refused"),
      order: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(requests, fc.integer({ min: 0, max: 1000 }), (plans, limit) => {
      const { collector, sampler, rows, lost } = subject(plain, { limit });
      let number = 0;
      const under: { record: RequestRecord; ending: Ending; order: number; first: number }[] = [];
      for (const { rows: count, ending, order } of plans) {
        const first = number;
        number += count;
        const values = Array.from({ length: count }, (_, i) => [first + i, -(first + i)]).flat();
        const record = recordOf([tensorOf("x", "FP32", [count, 2], values)]);
        if (ending !== "refused") collector.onAdmitted(record);
        under.push({ record, ending, order, first });
      }
      let failed = 0;
      for (const { record, ending, first } of under.toSorted((a, b) => a.order - b.order)) {
        if (ending === "answered") {
          const outputs = Array.from({ length: record.rows }, (_, i) => 2 * (first + i));
          collector.onResponse(record, responseOf(tensorOf("y", "FP32", [record.rows, 1], outputs)), 7);
        }
        const before = collector.pending;
        collector.onEnd(record);
        if (ending !== "answered") failed += before - collector.pending;
      }
      assert.equal(collector.pending, 0);
      assert.equal(rows.length, sampler.chosen - lost() - failed);
      assert.equal(new Set(rows.map(([x]) => x)).size, rows.length);
      assert.ok(rows.every(([x = 0, negative = 0, y]) => x + negative === 0 && y === 2 * x));
    }),
  );
});

test("with no room left rows are lost and counted, and there is room again", () => {
  const { collector, lost, rows } = subject(plain);
  const records = Array.from({ length: 90 }, (_, i) =>
    recordOf([tensorOf("x", "FP32", [50, 2], new Array(100).fill(i))]),
  );
  for (const record of records) collector.onAdmitted(record);
  assert.equal(collector.pending + lost(), 4500);
  assert.ok(lost() > 0);
  for (const record of records) {
    collector.onResponse(record, responseOf(), 7);
    collector.onEnd(record);
  }
  assert.equal(rows.length, 4500 - lost());
  assert.equal(collector.pending, 0);
});
