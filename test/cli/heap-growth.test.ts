import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const module = new URL("../../src/cli/heap-growth.ts", import.meta.url).href;

/** How far V8 lets a heap grow after a full collection, as a multiple of what was alive. */
function growthOf(before: string): number {
  const program = `${before}; globalThis.live = Array.from({ length: 400_000 }, (_, i) => ({ i })); gc();`;
  const flags = ["--expose-gc", "--trace-gc-verbose", "--input-type=module", "--eval", program];
  const trace = execFileSync(process.execPath, flags, { encoding: "utf8", timeout: 30_000 });
  const limits = [...trace.matchAll(/\[HeapController\] Limit: old size: (\d+) KB, new limit: (\d+) KB/g)];
  const [, size, limit] = limits.at(-1) ?? [];
  assert.ok(size !== undefined && limit !== undefined, trace.slice(-500));
  return Number(limit) / Number(size);
}

test("the heap may grow by four times what is alive before V8 marks it again", () => {
  const tuned = growthOf(`(await import("${module}")).tuneHeapGrowth()`);
  assert.ok(tuned >= 5, `${tuned}`);
  const plain = growthOf("");
  assert.ok(plain < tuned, `${plain}, without the setting`);
});

/** How often buffers outside the heap alone made V8 mark it. */
function externalMarks(before: string): number {
  const program = `${before}; for (let i = 0; i < 40; i++) (globalThis.live ??= []).push(new Uint8Array(4 * 2 ** 20));`;
  const flags = ["--trace-incremental-marking", "--input-type=module", "--eval", program];
  const trace = execFileSync(process.execPath, flags, { encoding: "utf8", timeout: 30_000 });
  return [...trace.matchAll(/Start \(external memory pressure\)/g)].length;
}

test("buffers outside the heap do not make V8 mark it before the heap's own limit is reached", () => {
  assert.equal(externalMarks(`(await import("${module}")).tuneHeapGrowth()`), 0);
  assert.ok(externalMarks("") > 0, "without the setting they do");
});
