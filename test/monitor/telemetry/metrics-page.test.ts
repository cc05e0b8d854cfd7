import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { instruments } from "../../../src/monitor/telemetry/instruments.ts";
import { renderMetricsPage } from "../../../src/monitor/telemetry/metrics-page.ts";

describe("renderMetricsPage", () => {
  it("has a section for every instrument", () => {
    const page = renderMetricsPage();
    for (const { name } of Object.values(instruments)) assert.ok(page.includes(`\n### ${name}\n`), name);
    assert.ok(page.includes("`rpc_server_call_duration_seconds`"));
  });

  it("is what docs/metrics.md holds", async () => {
    const path = new URL("../../../docs/metrics.md", import.meta.url);
    assert.equal(await readFile(path, "utf8"), renderMetricsPage());
  });
});
