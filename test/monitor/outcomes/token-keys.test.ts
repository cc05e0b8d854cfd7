import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TokenKeys } from "../../../src/monitor/outcomes/token-keys.ts";
import { RecordingLog } from "../../support/grpc-harness.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const key = () => randomBytes(32).toString("base64");

test("without a file the first token makes a random key, with one warning", () => {
  const log = new RecordingLog();
  const keys = new TokenKeys("", log);
  assert.equal(log.lines.length, 0);
  const { signing } = keys;
  assert.equal(keys.signing, signing);
  assert.equal(keys.find(Buffer.from(signing.id)), signing);
  assert.deepEqual(
    log.lines.map(({ level, message }) => [level, /--token-key-file/.test(message)]),
    [["warn", true]],
  );
  keys.reload();
  assert.equal(keys.signing, signing);
});

test("keys rotate: the new one signs, the old one still verifies until it is taken out", (t) => {
  const path = join(temporaryFolder(t), "keys");
  const [old, next] = [key(), key()];
  const write = (...lines: string[]) => writeFileSync(path, lines.join("\n"), { mode: 0o600 });
  write(old);
  const keys = new TokenKeys(path, new RecordingLog());
  const first = keys.signing;
  write(next, old);
  keys.reload();
  assert.notDeepEqual(keys.signing.id, first.id);
  assert.deepEqual(keys.find(first.id)?.id, first.id);
  write(next);
  keys.reload();
  assert.equal(keys.find(first.id), undefined);
});

test("a file that becomes unusable leaves the keys in force, and the log names no key", (t) => {
  const path = join(temporaryFolder(t), "keys");
  const log = new RecordingLog();
  writeFileSync(path, key(), { mode: 0o600 });
  const keys = new TokenKeys(path, log);
  const { signing } = keys;
  const broken = key().slice(0, 20);
  writeFileSync(path, broken);
  keys.reload();
  assert.equal(keys.signing, signing);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ["error"],
  );
  assert.ok(!JSON.stringify(log.lines).includes(broken));
});

test("a file that others may read or the group may write is refused, as is one that is not there", (t) => {
  const path = join(temporaryFolder(t), "keys");
  writeFileSync(path, key());
  for (const [mode, isRefused] of [
    [0o400, false],
    [0o600, false],
    [0o440, false],
    [0o640, false],
    [0o644, true],
    [0o604, true],
    [0o620, true],
    [0o666, true],
  ] as const) {
    chmodSync(path, mode);
    const open = () => new TokenKeys(path, new RecordingLog());
    if (isRefused) assert.throws(open, new RegExp(`has mode 0${mode.toString(8)}`));
    else assert.doesNotThrow(open);
  }
  assert.throws(() => new TokenKeys(`${path}.gone`, new RecordingLog()), /cannot be read: ENOENT/);
});
