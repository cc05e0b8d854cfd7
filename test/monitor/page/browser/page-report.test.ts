import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  parseQuery,
  queryText,
  type ReportQuery,
  type SignalQuery,
  selectReport,
  summaryQuery,
} from "../../../../src/monitor/page/browser/page-report.ts";
import { sampleReport } from "../../../support/sample-report.ts";

const signalQuery: SignalQuery = {
  find: "",
  isDriftedOnly: false,
  order: { key: "drift", isDescending: true },
  from: 0,
  count: 40,
};
const cancer = (signals?: Partial<SignalQuery>, signal = ""): ReportQuery => ({
  model: "breast_cancer",
  version: "3",
  signal,
  signals: signals && { ...signalQuery, ...signals },
});

test("all models in short have neither signals nor curves, and few points when they are many", () => {
  const few = selectReport(sampleReport(), summaryQuery);
  assert.deepEqual(
    few.models.map(({ data, quality }) => data.signals.length + quality.history.length),
    [0, 0, 0, 0, 0],
  );
  assert.equal(few.models.find(({ model_name }) => model_name === "digits")?.history.length, 60);
  assert.equal(few.firing_alerts, 2);
  const many = selectReport(sampleReport({ extraModels: 495 }), summaryQuery);
  assert.equal(many.models.length, 500);
  assert.ok(many.models.every(({ history }) => history.length <= 4));
  assert.ok(JSON.stringify(many).length < 1_500_000);
});

test("one model comes in full, signals only as far as they are asked for", () => {
  const report = sampleReport();
  const without = selectReport(report, cancer());
  assert.deepEqual([without.models.length, without.models[0]?.data.signals.length], [1, 0]);
  assert.equal(without.models[0]?.quality.history.length, 60);
  const page = selectReport(report, cancer({ count: 5 }));
  assert.equal(page.matched_signals, 23);
  assert.deepEqual(page.models[0]?.data.signals.map(({ name, current }) => [name, current]).slice(0, 2), [
    ["mean_radius", undefined],
    ["worst_texture", undefined],
  ]);
});

test("signals are found, sorted and cut; the chosen one comes with its distributions, even from another page", () => {
  const report = sampleReport({ signals: 5_000 });
  const names = (query: ReportQuery) => selectReport(report, query).models[0]?.data.signals.map(({ name }) => name);
  assert.deepEqual(names(cancer({ isDriftedOnly: true })), ["feature_0", "feature_4"]);
  assert.deepEqual(names(cancer({ order: { key: "name", isDescending: false }, from: 100, count: 3 })), [
    "feature_100",
    "feature_101",
    "feature_102",
  ]);
  assert.deepEqual(names(cancer({ find: "FEATURE 499", count: 2, order: { key: "name", isDescending: true } })), [
    "feature_4999",
    "feature_4998",
  ]);
  const far = selectReport(report, cancer({ count: 2 }, "feature_4321")).models[0]?.data.signals ?? [];
  assert.deepEqual(
    far.map(({ name, current }) => [name, current !== undefined]),
    [
      ["feature_0", false],
      ["feature_4", false],
      ["feature_4321", true],
    ],
  );
  assert.ok(JSON.stringify(selectReport(report, cancer({ count: 40 }, "feature_1"))).length < 200_000);
});

test("a model that there is not leaves the list empty", () => {
  assert.deepEqual(selectReport(sampleReport(), { ...cancer(), version: "4" }).models, []);
});

test("a query comes back from its address", () => {
  const name = fc.string({ minLength: 1, unit: "grapheme" });
  const query = fc.record(
    {
      model: name,
      version: name,
      signal: fc.string({ unit: "grapheme" }),
      signals: fc.record(
        {
          find: fc.string({ unit: "grapheme" }),
          isDriftedOnly: fc.boolean(),
          order: fc.record(
            { key: fc.constantFrom("name", "drift", "value"), isDescending: fc.boolean() },
            { noNullPrototype: true },
          ),
          from: fc.nat(1e6),
          count: fc.nat(500),
        },
        { noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(query, (one) => assert.deepEqual(parseQuery(new URLSearchParams(queryText(one))), one)));
  assert.deepEqual(parseQuery(new URLSearchParams(queryText(cancer()))), cancer());
  assert.deepEqual(parseQuery(new URLSearchParams("")), summaryQuery);
});

test("an address that asks for nonsense asks for no signals", () => {
  for (const range of ["", "-", "1", "a-b", "-5-10", "1-99999999999"]) {
    assert.equal(parseQuery(new URLSearchParams({ model: "m", signals: range })).signals, undefined, range);
  }
  assert.equal(parseQuery(new URLSearchParams({ model: "m", signals: "9-3" })).signals?.count, 0);
});
