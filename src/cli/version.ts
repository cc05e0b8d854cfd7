import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The version in package.json. Walks up, because the file is two levels above src/cli and three above dist/src/cli. */
export function packageVersion(folder: string = import.meta.dirname): string {
  const path = join(folder, "package.json");
  if (!existsSync(path)) {
    const parent = dirname(folder);
    return parent === folder ? "unknown" : packageVersion(parent);
  }
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version?: string }; // our own package.json
  return version ?? "unknown";
}
