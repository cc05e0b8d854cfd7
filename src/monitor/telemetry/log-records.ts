import { type Context, type Logger, ROOT_CONTEXT, SeverityNumber, TraceFlags, trace } from "@opentelemetry/api";

/** How severe a line of the server's log is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Hears every line of the server's log, whatever is written of it elsewhere. Never throws, never waits. */
export type LogListener = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;

/** Longest message or value that is exported, in characters: a client's name of a megabyte does not become a record of a megabyte. */
export const maxLogTextLength = 4096;

const severities: Readonly<Record<LogLevel, SeverityNumber>> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
};

/**
 * Lines of the log as OpenTelemetry records. Fields become attributes, an Error those of the exception conventions; `traceId` and `spanId`,
 * which lines about a traced request have, become the record's own.
 */
export function createLogListener(logger: Logger): LogListener {
  return (level, message, { traceId, spanId, ...fields }) =>
    logger.emit({
      severityNumber: severities[level],
      severityText: level.toUpperCase(),
      body: cut(message),
      attributes: toAttributes(fields),
      context: contextOf(traceId, spanId),
    });
}

function contextOf(traceId: unknown, spanId: unknown): Context {
  if (typeof traceId !== "string" || typeof spanId !== "string") return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
}

function toAttributes(fields: Readonly<Record<string, unknown>>): Record<string, string | number | boolean> {
  const attributes: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value instanceof Error) Object.assign(attributes, describeError(value));
    else if (value !== undefined) attributes[key] = toValue(value);
  }
  return attributes;
}

/** The exception attributes of the conventions; the stack has the causes behind it, as in the log's own lines. */
function describeError(error: Error): Record<string, string | number | boolean> {
  const stacks: string[] = [];
  for (let each: unknown = error; each instanceof Error && stacks.length < maxCauses; each = each.cause) {
    stacks.push(each.stack ?? String(each));
  }
  return {
    "exception.type": error.name,
    "exception.message": cut(error.message),
    "exception.stacktrace": cut(stacks.join("\ncaused by: ")),
  };
}

/** A chain of causes may be a circle. */
const maxCauses = 8;

function toValue(value: unknown): string | number | boolean {
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value !== "object" || value === null) return cut(String(value));
  try {
    return cut(JSON.stringify(value) ?? String(value));
  } catch {
    return "[unprintable]"; // circular, or a bigint inside
  }
}

function cut(text: string): string {
  return text.length <= maxLogTextLength ? text : text.slice(0, maxLogTextLength);
}
