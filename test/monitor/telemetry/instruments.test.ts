import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Instrument } from "../../../src/monitor/telemetry/instrument.ts";
import { instruments } from "../../../src/monitor/telemetry/instruments.ts";
import { prometheusName } from "../../../src/monitor/telemetry/prometheus-text.ts";

const table: readonly Instrument[] = Object.values(instruments);

describe("the table of instruments", () => {
  it("gives every histogram ascending finite boundaries, and nothing else any", () => {
    for (const { name, kind, boundaries } of table) {
      assert.equal(boundaries !== undefined, kind === "histogram", name);
      if (boundaries === undefined || boundaries === "own") continue;
      for (const [index, boundary] of boundaries.entries()) {
        assert.ok(Number.isFinite(boundary), name);
        assert.ok(index === 0 || boundary > (boundaries[index - 1] ?? Infinity), `${name} at ${boundary}`);
      }
    }
  });

  it("measures seconds with boundaries below one second", () => {
    for (const { name, unit, boundaries } of table) {
      if (unit !== "s" || boundaries === undefined || boundaries === "own") continue;
      assert.ok(boundaries.filter((boundary) => boundary > 0 && boundary < 1).length >= 3, name);
    }
  });

  it("bounds the values of every attribute", () => {
    for (const { name, attributes } of table) {
      for (const { key, values } of attributes) {
        const count = typeof values === "number" ? values : values.length;
        assert.ok(count > 0 && count <= 1025, `${name} ${key}`);
        if (typeof values !== "number") assert.equal(new Set(values).size, values.length, `${name} ${key}`);
      }
    }
  });

  it("uses neither milliseconds nor a unit or _total in a name", () => {
    for (const { name, unit } of table) {
      assert.match(unit, /^(s|By|1|\{[a-z]+\})$/, name);
      assert.doesNotMatch(name, /_total$|\.total$|seconds|bytes/);
      assert.match(name, /^[a-z0-9]+(\.[a-z0-9]+(_[a-z0-9]+)*)+$/);
    }
  });

  it("keeps names apart after their translation", () => {
    const names = table.map(({ name, unit, kind }) => prometheusName(name, unit, kind === "counter"));
    assert.equal(new Set(names).size, names.length);
  });
});
