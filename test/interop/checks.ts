import assert from "node:assert/strict";

/** The groups of checks that every client over generated stubs goes through. */
export const stubChecks = [
  "server",
  "metadata",
  "infer",
  "strings",
  "classification",
  "errors",
  "stream",
  "statistics",
  "repository",
  "health",
] as const;

/** Asserts that a client went through exactly these groups of checks, in order: each prints `ok NAME` when done. */
export function assertChecked(stdout: string, names: readonly string[]): void {
  const done = stdout.split("\n").filter((line) => line.startsWith("ok "));
  assert.deepEqual(
    done,
    names.map((name) => `ok ${name}`),
  );
}
