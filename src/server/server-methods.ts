import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { InferenceError } from "../errors.ts";
import type { Repository } from "../runtime/repository.ts";
import type { Admission } from "./admission.ts";

/** Triton's protocol extensions that are really implemented; clients test for them. */
const extensions = [
  "classification",
  "model_configuration",
  "model_repository",
  "parameters",
  "schedule_policy",
  "statistics",
] as const;

/** ServerLive, ServerReady and ServerMetadata. */
export function serverMethods(repository: Repository, admission: Admission) {
  const refuseWhenExiting = () => {
    if (admission.isDraining) throw new InferenceError("draining", "Server exiting");
  };
  return {
    ServerLive: () => {
      refuseWhenExiting();
      return { live: true };
    },
    ServerReady: () => {
      refuseWhenExiting();
      return { ready: repository.isServerReady };
    },
    ServerMetadata: () => ({ name: "sluice", version: packageVersion(), extensions }),
  };
}

let version: string | undefined;

/** The version in package.json. */
export function packageVersion(): string {
  version ??= readVersion(import.meta.dirname);
  return version;
}

/** Walks up to the package: src/server in a checkout, dist/src/server when installed. */
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
