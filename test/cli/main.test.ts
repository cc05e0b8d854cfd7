import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const main = join(import.meta.dirname, "..", "..", "src", "main.ts");

function shell(script: string): { readonly code: number | null; readonly out: string; readonly err: string } {
  const environment = { ...process.env, NODE: process.execPath, MAIN: main };
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { env: environment, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

test("the process ends with the command's exit code and keeps results and errors apart", () => {
  assert.deepEqual(shell('"$NODE" "$MAIN" --version').err, "");
  const wrong = shell('"$NODE" "$MAIN" serve --nonsense');
  assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  assert.match(wrong.err, /^sluice serve: unknown option '--nonsense'/);
});

test("a reader that goes away is no error", () => {
  const { code, err } = shell('set -o pipefail; "$NODE" "$MAIN" serve --help | true');
  assert.deepEqual([code, err], [0, ""]);
  assert.equal(shell('"$NODE" "$MAIN" serve --help | head -1').out, "Usage: sluice serve <path> [options]\n");
});
