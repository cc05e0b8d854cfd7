import { InferenceError } from "../errors.ts";
import type { Repository } from "../runtime/repository/repository.ts";
import { packageVersion } from "../version.ts";
import type { Admission } from "./admission.ts";

/** Triton's protocol extensions that are really implemented; clients test for them. */
const extensions = [
  "classification",
  "model_configuration",
  "model_repository",
  "parameters",
  "schedule_policy",
  "sequence",
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
