import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

let version: string | undefined;

/** The version in package.json; read once. */
export function packageVersion(): string {
  version ??= readVersion(import.meta.dirname);
  return version;
}

/** Walks up to the package: src in a checkout, dist/src when installed. */
function readVersion(folder: string): string {
  try {
    const content: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    if (typeof content === "object" && content !== null && "version" in content) return String(content.version);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing) throw error;
  }
  const parent = dirname(folder);
  return parent === folder ? "unknown" : readVersion(parent);
}
