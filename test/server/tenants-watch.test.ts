import assert from "node:assert/strict";
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TenantDirectory } from "../../src/server/tenant-directory.ts";
import { TenantsWatch } from "../../src/server/tenants-watch.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { RecordingLog } from "../support/grpc-harness.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

function start(t: Parameters<typeof temporaryFolder>[0], text: string) {
  const path = join(temporaryFolder(t), "tenants.yaml");
  writeFileSync(path, text);
  const directory = new TenantDirectory();
  const clock = new FakeClock();
  const log = new RecordingLog();
  const watch = new TenantsWatch(path, directory, clock, log);
  return { path, directory, clock, log, watch };
}

test("callers are whom the file lists, and everybody else is the default tenant", (t) => {
  const { directory } = start(t, "tenants: { a: { weight: 3 } }");
  assert.equal(directory.recognise("a").weight, 3);
  for (const name of [undefined, "b", "", "default", "__proto__", "toString"]) {
    assert.equal(directory.recognise(name).name, "default");
  }
  assert.equal(directory.accounts.length, 2); // names that are made up leave nothing behind
  assert.equal(directory.recognise("b", "a").name, "a"); // a credential's tenant wins
});

test("a change counts once it was seen unchanged twice, and accounts stay", (t) => {
  const { path, directory, clock, log } = start(t, "tenants: { a: { weight: 3 } }");
  const a = directory.recognise("a");
  a.tryEnter({ rows: 1, bytes: 1 });
  writeFileSync(path, "tenants: { a: { weight: 5 }, b: { maxRequests: 1 } }");
  clock.advance(1_000);
  assert.equal(a.weight, 3);
  clock.advance(1_000);
  assert.equal(a.weight, 5);
  assert.equal(directory.recognise("b").name, "b");
  writeFileSync(path, "tenants: { b: }\n");
  clock.advance(2_000);
  assert.equal(directory.recognise("a").name, "default");
  assert.deepEqual([a.weight, a.requests], [1, 1]);
  writeFileSync(path, "tenants: { a: { weight: 7 } }");
  clock.advance(2_000);
  assert.equal(directory.recognise("a"), a);
  assert.equal(a.weight, 7);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ["info", "info", "info"],
  );
});

test("a file that is broken or gone leaves the one before in force, and the log says so once", (t) => {
  const { path, directory, clock, log } = start(t, "tenants: { a: { weight: 3 } }");
  writeFileSync(path, "tenants: { a: { weight: heavy } }");
  clock.advance(10_000);
  assert.equal(directory.recognise("a").weight, 3);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ["error"],
  );
  assert.match(String(log.lines[0]?.fields.error), /weight is 'heavy'/);
  rmSync(path);
  clock.advance(10_000);
  assert.equal(directory.recognise("a").weight, 3);
  assert.equal(log.lines.length, 2);
  writeFileSync(`${path}.new`, "tenants: { a: { weight: 4 } }");
  renameSync(`${path}.new`, path);
  clock.advance(2_000);
  assert.equal(directory.recognise("a").weight, 4);
});

test("a reload reads the file at once", (t) => {
  const { path, directory, clock, watch } = start(t, "tenants: { a: { weight: 3 } }");
  writeFileSync(path, "tenants: { a: { weight: 6 } }");
  watch.reload();
  assert.equal(directory.recognise("a").weight, 6);
  watch.stop();
  assert.equal(clock.timers, 0);
});

test("a file that cannot be used at the start is an error", (t) => {
  assert.throws(() => start(t, "tenants: { a: { weight: -1 } }"), /weight is -1/);
  const [directory, clock, log] = [new TenantDirectory(), new FakeClock(), new RecordingLog()];
  assert.throws(() => new TenantsWatch("/does/not/exist.yaml", directory, clock, log), /cannot be read: ENOENT/);
});

test("a file that cannot even be looked at leaves the one before in force", (t) => {
  const { path, directory, clock, log, watch } = start(t, "tenants: { a: { weight: 3 } }");
  rmSync(path);
  symlinkSync(path, path); // leads to itself: asking for its state is an error, not "there is none"
  clock.advance(2_000);
  watch.reload();
  assert.equal(directory.recognise("a").weight, 3);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ["error", "error"],
  );
  rmSync(path);
  writeFileSync(path, "tenants: { a: { weight: 4 } }");
  clock.advance(2_000);
  assert.equal(directory.recognise("a").weight, 4);
});
