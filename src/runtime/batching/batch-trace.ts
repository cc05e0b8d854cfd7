import type { TraceIds } from "../../inference.ts";
import type { RequestRecord } from "../observer.ts";

/** The span that a log line about a run of these requests names: the first that is traced. */
export function traceOf(requests: Iterable<Pick<RequestRecord, "context"> | undefined>): TraceIds | undefined {
  for (const request of requests) if (request?.context.trace !== undefined) return request.context.trace;
  return undefined;
}
