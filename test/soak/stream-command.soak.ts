import assert from "node:assert/strict";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { residentBytes } from "../support/process-memory.ts";
import { assertSteady, growthRatio } from "../support/steady-memory.ts";
import { StreamProcess } from "../support/stream-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** Enough for a minute or so. */
const rowCount = 16_000_000;

/** Most resident memory of any run: a small part of what the rows take. */
const maxBytes = 512 * 1024 * 1024;

/** Values that FP32 holds exactly. */
const valueCount = 1_000_000;

/** The beginning of a run in which V8 and the allocator reach their size. */
const warmUpShare = 0.25;

for (const format of ["csv", "jsonl", "parquet"] as const) {
  test(`sixteen million rows from CSV to ${format}: each once, in order, in flat memory`, {
    timeout: 1_800_000,
  }, async (context) => {
    const folder = temporaryFolder(context);
    const input = join(folder, "in.csv");
    await writeRows(input);
    writeVersion(join(folder, "models"), "plus", "1", constantModel(0.5));
    const server = await startTestServer(join(folder, "models"));
    context.after(() => server.stop());
    const output = join(folder, `out.${format}`);
    const args = ["--input", input, "--keep", "id"];
    const run = new StreamProcess(server.grpcAddress, "plus", output, args);
    let isOver = false;
    const end = run.ended().finally(() => (isOver = true));
    const sizes: number[] = [];
    while (!isOver) {
      await delay(250);
      const bytes = residentBytes(run.pid);
      if (bytes > 0) sizes.push(bytes);
    }
    const { code, err } = await end;
    assert.equal(code, 0, err);
    if (format === "csv") await checkRows(output);
    const steady = sizes.slice(Math.floor(sizes.length * warmUpShare));
    const most = Math.max(...sizes);
    context.diagnostic(
      `${sizes.length / 4} s, at most ${Math.round(most / 2 ** 20)} MB, in the end ${growthRatio(steady).toFixed(3)} of what it was warm`,
    );
    assert.ok(most <= maxBytes, `${most} bytes`);
    if (format === "csv") assertSteady(steady, "the command"); // the others are done before the process has reached its size
  });
}

/** Rows of an id and four numbers that tell it. */
async function writeRows(path: string): Promise<void> {
  const file = createWriteStream(path);
  file.write("id,a,b,c,d\n");
  for (let row = 0; row < rowCount; row++) {
    const value = row % valueCount;
    if (!file.write(`${row},${value},${value}.25,${value}.5,${value}.75\n`)) {
      await new Promise((resolve) => file.once("drain", () => resolve(undefined)));
    }
  }
  await new Promise<void>((resolve) => file.end(() => resolve()));
}

async function checkRows(path: string): Promise<void> {
  let row = -1;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (row === -1) assert.equal(line, "id,Y_0,Y_1,Y_2,Y_3");
    else {
      const value = row % valueCount;
      assert.equal(line, `${row},${value + 0.5},${value + 0.75},${value + 1},${value + 1.25}`);
    }
    row++;
  }
  assert.equal(row, rowCount);
}
