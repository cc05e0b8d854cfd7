import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { renderReport } from "../../src/cli/report/report-text.ts";
import type { MonitorReport } from "../../src/monitor/monitor-report.ts";
import { hostileName, sampleReport } from "../support/sample-report.ts";

const plain = { isFull: false, hasLines: false, hasColors: false };
const only = (report: MonitorReport, name: string) => ({
  ...report,
  models: report.models.filter(({ model_name }) => model_name === name),
});

test("the models in short, with what asks for attention first among their alerts", () => {
  const text = renderReport(sampleReport(), plain);
  assert.match(
    text,
    /^sluice 0\.1\.0, running for 3 d 4 h, event loop delay p99 2\.18 ms, memory 882 MiB, 2026-03-14T10:30:00\.000Z\n/,
  );
  assert.match(
    text,
    /^breast_cancer +3 +READY +440 \/s +2\.16 ms +6\.80 ms +0\.02 % +0\.9528 +Accuracy +2 of 23 +1 firing$/m,
  );
  assert.ok(text.includes(`\n${hostileName} version 1: the file is no ONNX model\n`));
  assert.match(text, /^embedder +1 +READY .* – +– +–$/m);
  const states = [...text.matchAll(/^(firing|pending|unknown|ok) /gm)].map(([, state]) => state);
  assert.deepEqual(states, ["firing", "firing", "pending", "unknown", "ok"]);
});

test("where nobody looks there are neither colours nor lines of blocks", () => {
  const text = renderReport(sampleReport(), { ...plain, isFull: true });
  assert.doesNotMatch(text, /[\u00a0▁-█]/);
  assert.ok(!text.includes("\u001b"));
  const terminal = renderReport(sampleReport(), { isFull: true, hasLines: true, hasColors: true });
  assert.match(terminal, /[▁-█]{10}/);
  assert.ok(terminal.includes("\u001b[31m1 firing\u001b[0m"));
  const [head, row] = terminal
    .split("\n")
    .filter((line) => /^(model|digits) /.test(line))
    .map(stripVTControlCharacters);
  assert.equal(head?.indexOf("state"), row?.indexOf("READY"), "colours take no room in a table");
});

test("one model in full: stages, metrics with intervals and estimates, matrix, drift, changes", () => {
  const text = renderReport(only(sampleReport(), "breast_cancer"), { ...plain, isFull: true });
  assert.match(text, /^queue +1\.03 ms$/m);
  assert.match(
    text,
    /labels known 82\.9 %; label delay 23 min 40 s median, 5 h 30 min for 95 %; outcomes: 152,809 accepted/,
  );
  assert.match(text, /^Accuracy +0\.9528 +\[0\.9468, 0\.9588\] +0\.9589 +0\.9649 +4,812$/m);
  assert.match(text, /^malignant +1,663 +127$/m);
  assert.match(text, /^Drift: 2 of 23 signals drifted/m);
  assert.match(text, /^mean_radius +KS +0\.\d{3} +0\.066 +0\.050 +\d\.\d\dx +– +drifted$/m);
  assert.match(text, /^and 3 more$/m);
  assert.match(text, /^confidence +adwin +0\.934 +1 +9 min ago +18,204$/m);
});

test("what is missing is said in words", () => {
  const text = renderReport(only(sampleReport(), "embedder"), { ...plain, isFull: true });
  assert.match(text, /^Quality is not watched: no monitor\.yaml/m);
  assert.match(text, /^Drift: no reference profile$/m);
  assert.match(text, /^Anomalies: no detector is configured$/m);
  assert.match(renderReport({ ...sampleReport(), models: [] }, plain), /No model version is watched/);
});

test("a terminal obeys no name", () => {
  const report = sampleReport();
  const models = report.models.map((model) =>
    model.model_name === hostileName ? { ...model, model_name: "\u001b[2Jgone\r\n\u202e" } : model,
  );
  const text = renderReport({ ...report, models }, plain);
  for (const control of ["\u001b", "\r", "\u202e"]) assert.ok(!text.includes(control));
  assert.match(text, /^\ufffd\[2Jgone\ufffd\ufffd\ufffd +1 +UNAVAILABLE/m);
});
