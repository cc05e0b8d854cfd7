import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { startTestServer } from "../support/test-server.ts";
import { Comparison, type Mismatch } from "./comparison.ts";
import { differences, unsteadyAnswers } from "./differences.ts";
import type { Answer } from "./exchange.ts";
import { comparedModels, writeRepository } from "./models.ts";
import { Recording } from "./recording.ts";
import { scenarioDifferences } from "./scenarios/scenario-differences.ts";
import { type Answers, allCases, askEverything } from "./session.ts";
import { isTritonInstalled, startTriton } from "./triton-server.ts";

const isRecording = process.env.TEST_RECORD === "1";
const isRequired = process.env.TEST_REQUIRE_ALL === "1" || isRecording;
const recording = new Recording<Answer>("recorded.jsonl");
const noTriton = !isTritonInstalled && !isRequired && "Triton is not installed: run .ci/install-triton";

function compare(triton: Answers, sluice: Answers, allowed = differences): Comparison {
  const comparison = new Comparison(allowed);
  const names = new Map(allCases("python").map((entry) => [entry.id, entry.names]));
  assert.deepEqual([...triton.keys()], [...sluice.keys()], "the same cases were asked (TEST_RECORD=1 records anew)");
  for (const [id, answer] of triton) {
    const ours = sluice.get(id);
    if (ours !== undefined) comparison.compare(id, names.get(id), answer, ours);
  }
  return comparison;
}

function assertExplained({ mismatches }: Comparison, what: string): void {
  const show = ({ name, triton, sluice }: Mismatch) =>
    `${name}\n  Triton: ${JSON.stringify(triton)}\n  sluice: ${JSON.stringify(sluice)}`;
  assert.equal(mismatches.length, 0, `${what}:\n${mismatches.slice(0, 20).map(show).join("\n")}`);
}

describe("Triton's answers", () => {
  let sluice: Answers;

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-compared-"));
    writeRepository(folder, "onnxruntime", comparedModels);
    const server = await startTestServer(folder, { modelControl: "explicit", loadModel: ["*"] });
    try {
      assert.deepEqual(await server.started, []);
      sluice = await askEverything(server.grpcAddress, "onnxruntime");
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("live: as recorded, and as sluice's", { skip: noTriton, timeout: 300_000 }, async () => {
    const triton = await startTriton(comparedModels, join(import.meta.dirname, "onnx_model.py"));
    let live: Answers;
    try {
      live = await askEverything(triton.address, "python");
    } finally {
      await triton.stop();
    }
    if (isRecording) recording.write(live);
    assertExplained(
      compare(recording.read(), live, unsteadyAnswers),
      "the recording is stale, TEST_RECORD=1 renews it",
    );
    assertExplained(compare(live, sluice), "undocumented differences from the running Triton");
  });

  test("recorded: as sluice's but for the documented differences, each of which occurs", () => {
    const comparison = compare(recording.read(), sluice);
    assertExplained(comparison, "undocumented differences");
    assert.deepEqual(comparison.missing, [], "differences that do not occur any more");
    assert.ok(comparison.compared > 1_500, `${comparison.compared} answers compared`);
  });

  test("an undocumented difference is found", () => {
    const [id, answer] =
      [...sluice].find(([name]) => name === "rows: good 0" || name === "counted rows 1") ?? assert.fail();
    const [response = {}] = answer.responses;
    const changed = { ...response, raw_output_contents: [...response.raw_output_contents].reverse() };
    const wrong = new Map([...sluice, [id, { ...answer, responses: [changed] }]]);
    const others = compare(recording.read(), wrong).mismatches;
    assert.deepEqual(
      others.map(({ name }) => name),
      [id],
    );
  });
});

test("docs/compatibility.md lists exactly these differences", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "compatibility.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([a-z-]+)` *\| (.*?) *\| (.*?) *\|$/gm)].map(([, ...cells]) => cells);
  assert.deepEqual(
    rows,
    [...differences, ...scenarioDifferences].map(({ id, what, reason }) => [id, what, reason]),
  );
});
