import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockPath, OutputLock } from "../../../src/cli/bulk/output-lock.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

test("one run holds an output; the next one is told who does, and may have it afterwards", async (t) => {
  const output = join(temporaryFolder(t), "answers.csv");
  const lock = await OutputLock.acquire(output);
  await assert.rejects(OutputLock.acquire(output), new RegExp(`process ${process.pid} is writing '.*answers.csv'`));
  await lock.release();
  const next = await OutputLock.acquire(output);
  await next.release();
  assert.equal(existsSync(lockPath(output)), false);
});

test("what a killed run left is taken over, by one of those who want it", async (t) => {
  const folder = temporaryFolder(t);
  const output = join(folder, "answers.csv");
  writeFileSync(lockPath(output), `${endedProcess()} ${hostname()}\n`);
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => OutputLock.acquire(output)));
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal(readFileSync(lockPath(output), "utf8"), `${process.pid} ${hostname()}\n`);
  assert.deepEqual(readdirSync(folder), ["answers.csv.lock"]);
});

test("a run on another host is believed to go on", async (t) => {
  const output = join(temporaryFolder(t), "answers.csv");
  writeFileSync(lockPath(output), `${endedProcess()} elsewhere\n`);
  await assert.rejects(OutputLock.acquire(output), /on elsewhere is writing .*remove '.*answers\.csv\.lock'/);
});
