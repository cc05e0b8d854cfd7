import { type SpanContext, TraceFlags } from "@opentelemetry/api";
import { TraceState } from "@opentelemetry/core";

/** A longer `tracestate` is left out; the W3C recommendation asks to carry at least 512 characters. */
const maxTraceStateLength = 512;

/** version, trace id, parent id, flags, and what a later version may append. */
const traceParentForm = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The caller's span from its W3C `traceparent` and `tracestate`; undefined for anything that the recommendation (level 1) calls
 * invalid: upper case, version ff, ids of zeros, a version 00 with something appended. An invalid `tracestate` alone is left out.
 */
export function parseTraceContext(traceParent: string, traceState: string | undefined): SpanContext | undefined {
  const [, version, traceId, spanId, flags, rest] = traceParentForm.exec(traceParent) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  if (traceState === undefined || traceState === "" || traceState.length > maxTraceStateLength) return context;
  return { ...context, traceState: new TraceState(traceState) };
}
