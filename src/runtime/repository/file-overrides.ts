import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { InferenceError } from "../../errors.ts";
import type { ModelConfig } from "../../model/model-config.ts";
import { type ScannedModel, scanModelFolder } from "./repository-scan.ts";

/**
 * Folders kept of one model: that of the version in service, from which a process that ends is started again, and that of its predecessor,
 * which may still be answering.
 */
const foldersOfModel = 2;

/** Model files that came inside load requests: each load in a private folder of its own. */
export class FileOverrides {
  readonly #folders = new Map<string, string[]>();

  /**
   * @param files by `<version>/<file>`
   * @throws InferenceError "invalid" for a path of another form
   */
  write(name: string, files: ReadonlyMap<string, Uint8Array>, config: ModelConfig): ScannedModel | undefined {
    const root = mkdtempSync(join(tmpdir(), "sluice-override-")); // mode 0700
    const folders = [...(this.#folders.get(name) ?? []), root];
    for (const old of folders.splice(0, folders.length - foldersOfModel)) rmSync(old, { recursive: true, force: true });
    this.#folders.set(name, folders);
    const folder = join(root, "model");
    for (const [path, bytes] of files) {
      if (!/^[1-9]\d{0,17}\/[^/\\\0]+$/.test(path) || path.endsWith("/..") || path.endsWith("/.")) {
        throw new InferenceError(
          "invalid",
          `invalid file override 'file:${path}', expected 'file:<version>/<file name>'`,
        );
      }
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      writeFileSync(target, bytes, { mode: 0o600 });
    }
    return scanModelFolder(root, folder, name, config);
  }

  /** Forgets the folder of the latest {@link write}: its model did not load. */
  discard(name: string): void {
    const last = this.#folders.get(name)?.pop();
    if (last !== undefined) rmSync(last, { recursive: true, force: true });
  }

  clear(): void {
    for (const folder of [...this.#folders.values()].flat()) rmSync(folder, { recursive: true, force: true });
    this.#folders.clear();
  }
}
