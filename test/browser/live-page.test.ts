import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Page } from "puppeteer-core";
import { createTensor, InferenceClient, type Outcome } from "../../src/index.ts";
import type { RunningServer } from "../../src/serve.ts";
import { browserSkip, complaints, keepScreenshot, startBrowser } from "../support/browser.ts";
import { runCommand } from "../support/command-fake.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** The page over a real server with live traffic, from its first request to drifted inputs. */

const examples = join(import.meta.dirname, "..", "..", "examples");
const model = "breast_cancer";
const [, ...lines] = readFileSync(join(examples, "data", `${model}.csv`), "utf8")
  .trim()
  .split("\n");
const rows = lines.map((line) => line.split(",").map(Number));

const yaml = `
windows: { blockSeconds: 1 }
quality: { maxRowsPerSecond: 100000, minSamples: 30 }
drift: { windowRows: 500, windows: 1 }
changes:
  - { signal: confidence, method: adwin }
`;

async function serve(context: TestContext): Promise<RunningServer> {
  const folder = temporaryFolder(context);
  for (const name of [model, "diabetes"])
    cpSync(join(examples, "repository", name), join(folder, name), { recursive: true });
  writeFileSync(join(folder, model, "monitor.yaml"), yaml);
  mkdirSync(join(folder, "broken", "1"), { recursive: true });
  writeFileSync(join(folder, "broken", "1", "model.onnx"), "no model");
  const server = await startTestServer(folder);
  return server;
}

/** Asks on and on, and reports what was true, until it is stopped. Its inputs can be spoiled while it runs. */
class LiveTraffic {
  /** What every feature is multiplied by. */
  scale = 1;
  readonly #client: InferenceClient;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(address: string) {
    this.#client = InferenceClient.connect(address);
    this.#running = this.#run();
    this.#running.catch(() => {}); // told by `stop`
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#client.close();
  }

  async #run(): Promise<void> {
    for (let call = 0; !this.#isStopped; call++) {
      const batch = Array.from({ length: 25 }, (_, i) => rows[(call * 25 + i) % rows.length] ?? []);
      const features = batch.flatMap((row) => row.slice(0, -1).map((value) => value * this.scale));
      const predictionId = `call-${call}`;
      const inputs = [createTensor("features", "FP32", [batch.length, 30], features)];
      await this.#client.infer({ model, inputs, predictionId });
      const outcomes = batch.map((row, i): Outcome => ({ predictionId, row: i, classIndex: row.at(-1) ?? 0 }));
      await this.#client.reportOutcomes(outcomes);
    }
  }
}

/** Goes to a side of the model and waits until a text is there. */
async function see(page: Page, tab: string, pattern: RegExp): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/model/${model}/1/${tab}`);
  await page.waitForFunction(
    (source) =>
      new RegExp(source, "s").test((document.querySelector("main")?.textContent ?? "").replaceAll("\u00a0", " ")),
    { timeout: 60_000 },
    pattern.source,
  );
}

test("every view over live traffic, before and after the inputs are spoiled", {
  skip: browserSkip,
  timeout: 240_000,
}, async (context) => {
  const browser = await startBrowser();
  const server = await serve(context);
  const traffic = new LiveTraffic(server.grpcAddress);
  context.after(async () => {
    await browser.close();
    await traffic.stop().finally(() => server.stop());
  });
  const page = await browser.newPage();
  const found = complaints(page);
  await page.setViewport({ width: 1280, height: 800 });
  await page.goto(`http://${server.httpAddress}/monitor/`);

  await page.waitForFunction(
    () => /breast_cancer.*ready.*\/s/s.test(document.querySelector("main")?.textContent ?? ""),
    { timeout: 30_000 },
  );
  await page.waitForSelector(".state.unavailable");
  await keepScreenshot(page, "live-models");
  await see(page, "traffic", /answered[\d.]+ \/s.*p99[\d.]+ [mµ]s.*run[\d.]+ [mµ]s/);
  await page.waitForSelector(".plot canvas");
  await keepScreenshot(page, "live-traffic");
  await see(page, "quality", /Accuracy0\.9\d{3}\[0\.9\d{3}, (0\.9|1\.0)\d{3}\]/);
  await keepScreenshot(page, "live-quality");
  await see(page, "drift", /Signals drifted0of 3\d/);
  await page.waitForFunction(() => document.querySelectorAll(".master tbody .row-link").length > 30);

  traffic.scale = 1.6;
  await see(page, "drift", /Signals drifted[1-9]\d*of 3\d/);
  await page.waitForSelector(".state.drifted");
  await keepScreenshot(page, "live-drift");
  await see(page, "anomalies", /Mahalanobis|half-space/);
  await keepScreenshot(page, "live-anomalies");
  await see(page, "alerts", /firing|ok|unknown|pending/);
  await keepScreenshot(page, "live-alerts");
  await page.click("nav a[href='#/server']");
  await page.waitForFunction(
    () => /Event loop delay, p99\s*[\d.]+\s*ms/.test(document.querySelector("main")?.textContent ?? ""),
    { timeout: 30_000 },
  );
  await keepScreenshot(page, "live-server");
  assert.deepEqual(found, []);

  const report = await runCommand(["report", server.grpcAddress, "--model", model]);
  assert.equal(report.code, 0, report.err);
  assert.match(report.out, /^breast_cancer +1 +READY .* Accuracy +[1-9]\d* of 3\d/m);
  assert.match(report.out, /^Drift: [1-9]\d* of 3\d signals drifted/m);
  const all = await runCommand(["report", server.grpcAddress]);
  assert.match(all.out, /^broken version 1: not an ONNX model/m);
  const json = await runCommand(["report", server.grpcAddress, "--json"]);
  assert.deepEqual(
    JSON.parse(json.out).models.map(({ model_name }: { model_name: string }) => model_name),
    ["breast_cancer", "broken", "diabetes"],
  );
  const written = await runCommand(["report", server.grpcAddress, "--html", "-"]);
  assert.match(written.out, /^<!doctype html>.*"model_name":"breast_cancer"/s);
});
