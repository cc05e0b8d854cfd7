import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { NumberedRows, writeNumberedModel } from "../support/numbered-rows.ts";
import { residentBytes, sum } from "../support/process-memory.ts";
import { ServedProcess } from "../support/served-process.ts";
import { assertSteady, growthRatio } from "../support/steady-memory.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A row of 4 KB, a message and a batch of 256: 1 MB. */
const width = 1000;
const rowsPerMessage = 256;

const leastRows = 1_000_000;
const leastMs = 70_000;

/** Messages under way: enough for batches to follow each other. */
const window = 8;

const sampleMs = 200;

/** Pushes rows through so many streams, at least a million and for more than a minute, and checks each answer and what memory does. */
async function push(t: TestContext, streams: number): Promise<void> {
  const folder = temporaryFolder(t);
  writeNumberedModel(folder, width, rowsPerMessage);
  const server = await ServedProcess.start(t, folder);
  const client = InferenceClient.connect(server.grpcAddress);
  t.after(() => client.close());

  const memory = { server: [] as number[], client: [] as number[] };
  const sample = setInterval(() => {
    memory.client.push(residentBytes(process.pid));
    memory.server.push(residentBytes(server.pid) + sum(server.runtimePids().map(residentBytes)));
  }, sampleMs);
  t.after(() => clearInterval(sample));

  const startMs = performance.now();
  const isEnough = (rows: NumberedRows) => rows.sent >= leastRows / streams && performance.now() - startMs >= leastMs;
  const all = Array.from({ length: streams }, (_, stream) => new NumberedRows(stream, width));
  await Promise.all(
    all.map(async (rows) => {
      const messages = function* () {
        while (!isEnough(rows)) yield rows.message(rowsPerMessage);
      };
      for await (const result of client.inferStream(messages(), { window: Math.ceil(window / streams) + 1 })) {
        rows.check(result);
      }
      assert.equal(rows.answered, rows.sent);
    }),
  );
  clearInterval(sample);
  const seconds = (performance.now() - startMs) / 1000;
  const answered = sum(all.map((rows) => rows.answered));
  assert.ok(answered >= leastRows);
  t.diagnostic(`${answered} rows in ${seconds.toFixed(0)} s, ${Math.round(answered / seconds)} a second`);
  for (const [who, samples] of Object.entries(memory)) {
    const megabytes = Math.round((samples.at(-1) ?? 0) / 2 ** 20);
    t.diagnostic(`${who}: ${megabytes} MB at the end, ${growthRatio(samples).toFixed(3)} of the second tenth`);
  }
  assertSteady(memory.server, "the server");
  assertSteady(memory.client, "the client");
}

test("a million rows through one stream, in order and in steady memory", { timeout: 600_000 }, (t) => push(t, 1));

test("a million rows through eight streams, in order and in steady memory", { timeout: 600_000 }, (t) => push(t, 8));
