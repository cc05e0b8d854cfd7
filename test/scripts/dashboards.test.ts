import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Dashboard, renderDashboard } from "../../scripts/dashboards/dashboard.ts";
import { nativeDashboard } from "../../scripts/dashboards/native-dashboard.ts";
import { nameOf, Queries } from "../../scripts/dashboards/query.ts";
import { tritonDashboard } from "../../scripts/dashboards/triton-dashboard.ts";
import { instruments } from "../../src/monitor/telemetry/instruments.ts";
import { needs, run, toolPath } from "../interop/foreign-tools.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { exportedNames, namesIn } from "./exported-names.ts";

const folder = temporaryFolder({ after });
const dashboards: Readonly<Record<string, Dashboard>> = {
  "sluice.json": nativeDashboard,
  "sluice-nv.json": tritonDashboard,
};

interface PlacedPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

function panelsOf(dashboard: Dashboard): readonly PlacedPanel[] {
  return (JSON.parse(renderDashboard(dashboard)) as { panels: PlacedPanel[] }).panels;
}

function expressionsOf(dashboard: Dashboard): readonly string[] {
  const shown = dashboard.rows
    .flatMap(({ panels }) => panels)
    .flatMap(({ targets }) => targets.map(({ expr }) => expr));
  return [...shown, ...dashboard.annotations.map(({ expr }) => expr)];
}

for (const [file, dashboard] of Object.entries(dashboards)) {
  describe(file, () => {
    it("is what is committed", () => {
      const path = join(import.meta.dirname, "..", "..", "deploy", "grafana", file);
      assert.equal(readFileSync(path, "utf8"), renderDashboard(dashboard));
    });

    it("asks only for what servers show", () => {
      const exported = exportedNames();
      const asked = [
        ...expressionsOf(dashboard).flatMap(namesIn),
        ...dashboard.variables.map(({ query }) => /^label_values\((\w+)/.exec(query)?.[1] ?? assert.fail(query)),
      ];
      assert.ok(asked.length > 10);
      assert.deepEqual(
        asked.filter((name) => !exported.has(name)),
        [],
      );
    });

    it("gives every panel a place of its own and something to show", () => {
      const panels = panelsOf(dashboard);
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      for (const { type, title, gridPos, targets } of panels) {
        assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, title);
        assert.ok(type === "row" || (targets !== undefined && targets.length > 0), title);
      }
      const taken = new Set<string>();
      for (const { title, gridPos } of panels) {
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.ok(!taken.has(`${x} ${y}`), `${title} lies on another panel`);
            taken.add(`${x} ${y}`);
          }
        }
      }
    });

    it("has expressions that Prometheus understands", needs("promtool"), async () => {
      const rules = expressionsOf(dashboard).map((expr, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*"),
      }));
      const path = join(folder, `${file}.rules.yaml`);
      writeFileSync(path, JSON.stringify({ groups: [{ name: "panels", rules }] })); // JSON is YAML
      const { code, stdout, stderr } = await run(toolPath("promtool"), ["check", "rules", path]);
      assert.equal(code, 0, stdout + stderr);
    });
  });
}

/** Instruments that no panel shows, each for a reason. */
const notShown: readonly (keyof typeof instruments)[] = [
  "callsStarted", // calls are shown as they end, and those under way
  "predictions", // the requests and their rows are
  "estimateOutcomes", // the estimate is shown as the server works it out
  "qualitySamples", // intervals say what samples would
  "delayMin",
  "delayMax",
  "delayMean",
  "delayStddev",
  "delayP90", // p50 and p99 tell the event loop's story
];

it("the native dashboard shows every instrument, but for those that are named here", () => {
  const shown = JSON.stringify(nativeDashboard);
  const missing = Object.entries(instruments).filter(([, instrument]) => !shown.includes(nameOf(instrument)));
  assert.deepEqual(missing.map(([key]) => key).sort(), [...notShown].sort());
});

describe("Queries", () => {
  it("refuses an attribute that the instrument does not have", () => {
    const queries = new Queries({ server: "", model: "", range: "5m" });
    const wrong = "sluice.stage" as "sluice.model.name";
    assert.throws(() => queries.rate(instruments.requestDuration, [wrong]), /request\.duration has no attribute/);
    assert.throws(() => queries.samples(instruments.requestDuration, { [wrong]: "x" }), /has no attribute/);
  });

  it("writes matchers of all kinds", () => {
    const queries = new Queries({ server: "", model: "", range: "5m" });
    const shown = [{ "error.type": "" }, { "error.type": "!=" }, { "error.type": "=~a|b" }].map((where) =>
      queries.samples(instruments.callDuration, where, "_count"),
    );
    const name = "rpc_server_call_duration_seconds_count";
    assert.deepEqual(shown, [`${name}{error_type=""}`, `${name}{error_type!=""}`, `${name}{error_type=~"a|b"}`]);
  });
});
