import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PayloadFolder } from "../../../src/monitor/payload/payload-folder.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const mode = (path: string) => statSync(path).mode & 0o777;

test("folder and files are the server's own", async (context) => {
  const path = join(temporaryFolder(context), "a", "b");
  const folder = PayloadFolder.open(path);
  const file = await folder.create("x.jsonl");
  await file.write(Buffer.from("1\n"));
  await file.write(Buffer.from("2\n"));
  await file.close();
  assert.equal(readFileSync(join(path, "x.jsonl"), "utf8"), "1\n2\n");
  assert.deepEqual([mode(path), mode(join(path, "x.jsonl"))], [0o700, 0o600]);
  assert.deepEqual(await folder.list("x"), [{ name: "x.jsonl", bytes: 4 }]);
  assert.deepEqual(await folder.list("y"), []);
  await folder.remove("x.jsonl");
  await folder.remove("x.jsonl");
  assert.deepEqual(readdirSync(path), []);
});

test("nothing that was there is written to, nor what a link leads to", async (context) => {
  const path = temporaryFolder(context);
  const folder = PayloadFolder.open(path);
  writeFileSync(join(path, "there"), "mine");
  symlinkSync(join(path, "elsewhere"), join(path, "link"));
  await assert.rejects(folder.create("there"), { code: "EEXIST" });
  await assert.rejects(folder.create("link"), { code: "EEXIST" });
  assert.equal(readFileSync(join(path, "there"), "utf8"), "mine");
});

test("a folder that vanishes is noticed with the next write and made again; one whose parent is gone is not", async (context) => {
  const root = temporaryFolder(context);
  const path = join(root, "logs");
  const folder = PayloadFolder.open(path);
  const file = await folder.create("x");
  rmSync(path, { recursive: true });
  await assert.rejects(file.write(Buffer.from("1\n")), /removed while it was written/);
  await file.close();
  await (await folder.create("y")).close();
  assert.deepEqual(readdirSync(path), ["y"]);
  rmSync(root, { recursive: true });
  await assert.rejects(folder.create("z"), { code: "ENOENT" });
  mkdirSync(root);
});

test("a folder that cannot be written is refused at start", (context) => {
  const root = temporaryFolder(context);
  writeFileSync(join(root, "file"), "");
  assert.throws(() => PayloadFolder.open(join(root, "file")), /--payload-log-folder '.*file' cannot be written/);
  const locked = join(root, "locked");
  mkdirSync(locked);
  chmodSync(locked, 0o500);
  if (process.getuid?.() === 0) return; // who may do everything cannot be refused
  assert.throws(() => PayloadFolder.open(locked), /cannot be written/);
});
