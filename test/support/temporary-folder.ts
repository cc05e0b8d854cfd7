import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SuiteContext, TestContext } from "node:test";

/** A folder that is removed after the test. */
export function temporaryFolder(test: TestContext | SuiteContext | { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  if ("after" in test) test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
