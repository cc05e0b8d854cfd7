/** How severe a log line is, ascending. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line is about, beside its message. Values may come from clients: writers escape them. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where sluice tells what happens. `error` fields may hold an Error: its stack and causes are written, none of which travels to clients. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** How lines are written. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Default: standard error. */
  readonly write?: (line: string) => void;
  /** Hears every line that is written, as it was given. Default: nobody. */
  readonly also?: ((level: LogLevel, message: string, fields: LogFields) => void) | undefined;
  /** Default: the wall clock. */
  readonly now?: () => Date;
}

/** Longest value written of one field, so that a client's name of a megabyte does not become a line of a megabyte. */
const maxFieldCharacters = 4096;

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A log that writes nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A log of one line an event. Control characters, line separators and terminal escapes in messages and fields are written as `\u` escapes,
 * so that no client can forge a line or drive a terminal.
 */
export function createLog(options: LogOptions): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const format = options.format === "json" ? formatJson : formatText;
  const least = levels.indexOf(options.level);
  const writer = (level: LogLevel) =>
    levels.indexOf(level) < least
      ? () => {}
      : (message: string, fields: LogFields = {}) => {
          write(`${format(now().toISOString(), level, message, fields)}\n`);
          options.also?.(level, message, fields);
        };
  return { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}

function formatText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${escapeControls(key)}=${quoteIfNeeded(describe(value))}`);
  return [time, level.toUpperCase().padEnd(5), escapeControls(cut(message)), ...parts].join(" ");
}

function formatJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const described = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, typeof value === "number" || typeof value === "boolean" ? value : describe(value)]);
  // Fields stand in an object of their own: one named like ours cannot replace it.
  return escapeControls(JSON.stringify({ time, level, message: cut(message), fields: Object.fromEntries(described) }));
}

/** A value as text: an Error with its stack and its causes, other objects as JSON. */
function describe(value: unknown): string {
  if (typeof value === "string") return cut(value);
  if (value instanceof Error) return cut(describeError(value));
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return cut(JSON.stringify(value) ?? String(value));
  } catch {
    return "[unprintable]"; // circular, or a bigint inside
  }
}

function describeError(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\ncaused by: ${describe(error.cause)}`;
}

function cut(text: string): string {
  return text.length <= maxFieldCharacters ? text : `${text.slice(0, maxFieldCharacters)}…(${text.length} characters)`;
}

function quoteIfNeeded(text: string): string {
  return /^[\w.:/@+-]+$/.test(text) ? text : escapeControls(JSON.stringify(text));
}

/** Everything that moves a cursor, ends a line or reorders text becomes its `\u` escape; lone surrogates become U+FFFD. */
function escapeControls(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
      (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    );
}
