import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { startTestServer } from "../../support/test-server.ts";
import { comparedModels, writeRepository } from "../models.ts";
import { isTritonInstalled, startTriton } from "../triton-server.ts";
import { countDifferences } from "./metrics-differences.ts";
import { headingsOf, pageAt, playMetrics, type Reading } from "./metrics-scenario.ts";

const isRecording = process.env.TEST_RECORD === "1";
const isRequired = process.env.TEST_REQUIRE_ALL === "1" || isRecording;
const noTriton = !isTritonInstalled && !isRequired && "Triton is not installed: run .ci/install-triton";
const file = join(import.meta.dirname, "recorded.json");

/** What a server's metrics said. */
interface Story {
  readonly headings: readonly string[];
  readonly readings: readonly Reading[];
}

function assertSame(triton: Story, sluice: Story): void {
  // The help texts are our own.
  const types = ({ headings }: Story) => headings.filter((line) => line.startsWith("# TYPE"));
  assert.deepEqual(types(sluice), types(triton));
  for (const [index, { step, counts }] of triton.readings.entries()) {
    const difference = countDifferences.find(({ steps }) => steps.includes(step));
    const expected = difference?.expected(counts) ?? counts;
    assert.deepEqual(sluice.readings[index], { step, counts: expected }, step);
  }
  assert.equal(sluice.readings.length, triton.readings.length);
}

describe("Triton's metrics", () => {
  let sluice: Story;
  let page: string;

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-metrics-"));
    writeRepository(folder, "onnxruntime", comparedModels);
    const options = { modelControl: "explicit", loadModel: ["*"], metricsCompat: "triton" } as const;
    const server = await startTestServer(folder, options);
    try {
      assert.deepEqual(await server.started, []);
      const url = `http://${server.httpAddress}/metrics`;
      const headings = headingsOf(await pageAt(url));
      sluice = { headings, readings: await playMetrics(server.grpcAddress, url) };
      page = await pageAt(url);
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("live: as recorded", { skip: noTriton, timeout: 300_000 }, async () => {
    const triton = await startTriton(comparedModels, join(import.meta.dirname, "..", "onnx_model.py"));
    try {
      const headings = headingsOf(await pageAt(triton.metricsUrl));
      const live: Story = { headings, readings: await playMetrics(triton.address, triton.metricsUrl) };
      if (isRecording) writeFileSync(file, `${JSON.stringify(live, null, 2)}\n`);
      assert.deepEqual(live, JSON.parse(readFileSync(file, "utf8")), "the recording is stale, TEST_RECORD=1 renews it");
    } finally {
      await triton.stop();
    }
  });

  test("recorded: as sluice's but for the documented differences", () => {
    assertSame(JSON.parse(readFileSync(file, "utf8")), sluice);
  });

  test("the durations of a model are whole microseconds, and its stages fit into its requests", () => {
    const value = (family: string) => {
      const found = new RegExp(`^nv_inference_${family}_duration_us\\{model="rows",version="1"\\} (\\d+)$`, "m").exec(
        page,
      );
      return Number(found?.[1] ?? assert.fail(`no ${family}`));
    };
    const stages = ["queue", "compute_input", "compute_infer", "compute_output"].map(value);
    assert.ok(stages.every((microseconds) => microseconds > 0));
    assert.ok(stages.reduce((sum, each) => sum + each, 0) <= value("request"));
  });
});

test("docs/compatibility.md lists these differences", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "compatibility.md"), "utf8");
  for (const { id, what, reason } of countDifferences) {
    if (what !== "") assert.ok(text.includes(`- **${id}.** ${what} ${reason}\n`), id);
  }
});
