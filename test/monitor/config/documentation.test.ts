import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { numberRules, readMonitorConfig } from "../../../src/monitor/config/monitor-config.ts";

const text = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "monitoring.md"), "utf8");

test("docs/monitoring.md has every number of monitor.yaml with its default and range", () => {
  const [section = ""] = /^## monitor.yaml$[\s\S]*?(?=^## )/m.exec(text) ?? [];
  const rows = new Map(
    [...section.matchAll(/^\| `([\w.]+)` \| ([^|]+) \| ([^|]+) \|/gm)].map(([, key, ...cells]) => [key, cells]),
  );
  for (const [place, rule] of Object.entries(numberRules)) {
    const [fallback, range] = rows.get(place) ?? [];
    assert.equal(Number(fallback), rule.default, place);
    const [min, max] = (range ?? "").split(" to ").map(Number);
    assert.deepEqual([min, max], [rule.min, rule.max], place);
  }
});

test("every example in docs/monitoring.md is a monitor.yaml", () => {
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml = ""]) => yaml);
  assert.ok(examples.length >= 3);
  for (const yaml of examples) assert.doesNotThrow(() => readMonitorConfig(yaml), yaml);
});
