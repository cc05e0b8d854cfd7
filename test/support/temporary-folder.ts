import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A folder that is removed afterwards.
 * @param scope a test's context, or `{ after }` of node:test in the body of a suite (in a `before` it would be removed too early)
 */
export function temporaryFolder(scope: { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
