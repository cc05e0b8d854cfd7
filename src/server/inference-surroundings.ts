import type { ServeConfig } from "../config.ts";
import type { InferenceError } from "../errors.ts";
import type { RequestContext } from "../inference.ts";
import type { CallObserver } from "../monitor/telemetry/call-observer.ts";
import type { Repository } from "../runtime/repository/repository.ts";
import type { Admission } from "./admission.ts";
import type { Log } from "./log.ts";
import type { TenantDirectory } from "./tenant-directory.ts";

/** What both inference methods work with. */
export interface InferenceSurroundings {
  readonly repository: Pick<Repository, "find">;
  readonly admission: Admission;
  readonly observer: CallObserver;
  /** Absent: there are no tenants, and whatever callers say about theirs is not looked at. */
  readonly tenants?: TenantDirectory | undefined;
  readonly config: Pick<ServeConfig, "streamWindow" | "streamWindowBytes" | "maxMessageBytes">;
  /** Logs an error that is a bug of our own, with its cause and the request's span; others are the caller's to know. */
  logInternal(error: InferenceError, method: string, context?: RequestContext): void;
}

/** How internal errors of the inference methods are logged: once, here, because the wire carries no cause. */
export function internalErrorLogger(log: Log): InferenceSurroundings["logInternal"] {
  return (error, method, context) => {
    if (error.reason !== "internal") return;
    log.error("a request failed", { method, ...context?.trace, error: error.cause ?? error });
  };
}
