import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { parse } from "yaml";
import { alertRules, renderAlertRules } from "../../scripts/alert-rules.ts";
import { needs, run, toolPath } from "../interop/foreign-tools.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { exportedNames, namesIn } from "./exported-names.ts";

const folder = temporaryFolder({ after });
const path = join(import.meta.dirname, "..", "..", "deploy", "prometheus", "alerts.yaml");
const cases = readFileSync(join(import.meta.dirname, "alerts.test.yaml"), "utf8");

test("the rules are what is committed", () => {
  assert.equal(readFileSync(path, "utf8"), renderAlertRules());
});

test("the rules ask only for what servers show", () => {
  const exported = exportedNames();
  for (const { alert, expr } of alertRules) {
    const names = namesIn(expr);
    assert.ok(names.length > 0, alert);
    assert.deepEqual(
      names.filter((name) => !exported.has(name)),
      [],
      alert,
    );
  }
});

test("promtool understands the rules", needs("promtool"), async () => {
  const { code, stdout, stderr } = await run(toolPath("promtool"), ["check", "rules", path]);
  assert.equal(code, 0, stdout + stderr);
});

test("every rule fires when it should, and not otherwise", needs("promtool"), async () => {
  const own = join(folder, "alerts.test.yaml");
  writeFileSync(own, cases.replace("ALERTS", path));
  const { code, stdout, stderr } = await run(toolPath("promtool"), ["test", "rules", own]);
  assert.equal(code, 0, stdout + stderr);
});

test("every rule has a case in which it fires", () => {
  interface Case {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }
  const { tests } = parse(cases) as { tests: readonly Case[] };
  const firing = tests
    .flatMap(({ alert_rule_test }) => alert_rule_test)
    .filter(({ exp_alerts }) => exp_alerts.length > 0)
    .map(({ alertname }) => alertname);
  assert.deepEqual(
    alertRules.map(({ alert }) => alert).filter((alert) => !firing.includes(alert)),
    [],
  );
});
