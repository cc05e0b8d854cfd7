import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { createRandom } from "../../bench/random.ts";
import type { RunningServer } from "../../src/serve.ts";
import type { TableColumn, TableFormat } from "../../src/training/table.ts";
import { constantModel, writeVersion } from "../support/constant-model.ts";
import { ServedProcess } from "../support/served-process.ts";
import { StreamProcess } from "../support/stream-process.ts";
import { writeTable } from "../support/table-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const rowCount = 20_000;

/** Interruptions of one output, each of a run that was writing. */
const interruptionsOf = [
  ["csv", 10],
  ["parquet", 10],
  ["jsonl", 3],
  ["npy", 3],
] as const;

/** One small message at a time: a run takes a second or two, so that there is something to interrupt. */
const slowly = ["--window", "1", "--rows-per-message", "8"];

const features = ["a", "b", "c", "d"];

suite("sluice stream", () => {
  const folder = temporaryFolder({ after });
  let server: RunningServer;

  before(async () => {
    writeVersion(models(), "plus", "1", constantModel(0.5));
    server = await startTestServer(models());
    for (const format of ["csv", "jsonl", "parquet"] as const) writeFeatures(inputOf(format), format);
    const values = Float32Array.from({ length: rowCount * 4 }, (_, i) => i / 4);
    writeTable(inputOf("npy"), "npy", [{ name: "X", datatype: "FP32", shape: [4] }], { rowCount, values: [values] });
  });
  after(() => server.stop());

  const models = () => join(folder, "models");

  const inputOf = (format: TableFormat) => join(folder, `in.${format}`);

  const start = (output: string, args: readonly string[]) =>
    new StreamProcess(server.grpcAddress, "plus", join(folder, output), args);

  for (const [format, interruptions] of interruptionsOf) {
    test(`${format}: ${interruptions} interruptions at random points make no difference to the output`, async (context) => {
      const random = createRandom(format.length + interruptions);
      const keep = format === "npy" ? [] : ["--keep", "id"];
      const args = ["--input", inputOf(format), ...keep, ...slowly];
      const startMs = performance.now();
      const whole = await start(`whole.${format}`, args).ended();
      const wholeMs = performance.now() - startMs;
      assert.deepEqual([whole.code, whole.out], [0, ""], whole.err);
      const expected = readFileSync(join(folder, `whole.${format}`));
      let [hits, continued] = [0, 0];
      for (let runs = 0; hits < interruptions; runs++) {
        assert.ok(runs < 3 * interruptions, `${hits} of ${runs} runs were interrupted`);
        const signal = hits % 2 === 0 ? "SIGKILL" : "SIGINT";
        const run = start(`torn.${format}`, args);
        const share = (hits + random()) / (interruptions + 1);
        const end =
          format === "parquet" // grows by a whole row group at a time: before the first one, then behind it
            ? await run.interrupt(signal, hits < 3 ? 0 : 1000, random() * wholeMs * 0.3)
            : await run.interrupt(signal, share * expected.byteLength);
        if (end.code === 0) continue;
        assert.equal(end.code, signal === "SIGKILL" ? "SIGKILL" : 1, end.err);
        if (signal === "SIGINT") assert.match(end.err, /run the same command again to continue/);
        if (/continuing .* behind/.test(end.err)) continued++;
        hits++;
      }
      const last = await start(`torn.${format}`, args).ended();
      assert.equal(last.code, 0, last.err);
      context.diagnostic(`${continued} of ${interruptions} interrupted runs had continued one before`);
      assert.ok(continued > 0);
      assert.ok(readFileSync(join(folder, `torn.${format}`)).equals(expected), "the same bytes");
      assert.ok(!existsSync(join(folder, `torn.${format}.partial`)));
      assert.ok(!existsSync(join(folder, `torn.${format}.journal`)));
    });
  }

  test("every row is answered once, in order, beside what was kept", async () => {
    const { code } = await start("all.csv", ["--input", inputOf("csv"), "--keep", "id"]).ended();
    assert.equal(code, 0);
    const lines = readFileSync(join(folder, "all.csv"), "utf8").trimEnd().split("\n");
    assert.equal(lines.length, rowCount + 1);
    assert.equal(lines[0], "id,Y_0,Y_1,Y_2,Y_3");
    for (let row = 0; row < rowCount; row++) {
      assert.equal(lines[row + 1], `r${row},${[0, 1, 2, 3].map((i) => row + i / 4 + 0.5).join()}`);
    }
  });

  test("two servers share the rows, and one goes on alone when the other is killed", async (context) => {
    const servers = [await ServedProcess.start(context, models()), await ServedProcess.start(context, models())];
    const addresses = servers.map(({ grpcAddress }) => grpcAddress).join(",");
    const output = join(folder, "two.csv");
    const args = ["--input", inputOf("csv"), "--keep", "id", ...slowly];
    const run = new StreamProcess(addresses, "plus", output, args);
    await run.written(100_000);
    servers[0]?.signal("SIGKILL");
    const { code, err } = await run.ended();
    assert.equal(code, 0, err);
    assert.match(err, /is lost .* messages to be sent again/);
    assert.ok(readFileSync(output).equals(readFileSync(join(folder, "whole.csv"))));
  });

  test("an output that was begun otherwise is not continued", async () => {
    const args = ["--input", inputOf("csv"), "--keep", "id", ...slowly];
    const { code } = await start("begun.csv", args).interrupt("SIGKILL", 100_000);
    assert.equal(code, "SIGKILL");
    const other = await start("begun.csv", [...args, "--format", "jsonl"]).ended();
    assert.equal(other.code, 2);
    assert.match(
      other.err,
      /begun\.csv\.partial was begun otherwise: format was csv, now jsonl; --restart starts anew/,
    );
    const touched = inputOf("csv");
    const { mtime } = statSync(touched);
    utimesSync(touched, mtime, new Date(mtime.getTime() + 1000));
    const changed = await start("begun.csv", args).ended();
    assert.match(changed.err, /was begun otherwise: input was .*in\.csv \(\d+ bytes of .*\), now .*in\.csv \(/);
    const anew = await start("begun.csv", [...args.slice(0, 4), "--restart"]).ended();
    assert.equal(anew.code, 0, anew.err);
    assert.doesNotMatch(anew.err, /continuing/);
  });

  /** Columns a to d with row + 0, 0.25, 0.5, 0.75, and an id. */
  function writeFeatures(path: string, format: TableFormat): void {
    const columns: TableColumn[] = [
      ...features.map((name) => ({ name, datatype: "FP64" as const, shape: [] })),
      { name: "id", datatype: "BYTES", shape: [] },
    ];
    const values = [
      ...features.map((_, i) => Float64Array.from({ length: rowCount }, (__, row) => row + i / 4)),
      Array.from({ length: rowCount }, (_, row) => `r${row}`),
    ];
    writeTable(path, format, columns, { rowCount, values });
  }
});
