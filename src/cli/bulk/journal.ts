import { asObject } from "../../training/json-values.ts";
import type { TableColumn, TablePosition } from "../../training/table.ts";
import { UsageError } from "../arguments.ts";

/**
 * The journal beside an unfinished output: one JSON line that says what the output is made from, then one line for each point at which it can
 * be continued. Lines are only appended; one that was cut off by a kill is no line.
 */

/** What the output is made from, by names that messages can use. Two runs with the same description give the same output. */
export type JobDescription = Readonly<Record<string, string>>;

/** The first line. */
export interface JournalHead {
  readonly job: JobDescription;
  /** The version that answers; every request names it. */
  readonly modelVersion: string;
  /** Columns of the output. */
  readonly columns: readonly TableColumn[];
}

/** Rows that were left out because the model refused them. */
export interface SkippedRows {
  readonly firstRow: number;
  readonly rowCount: number;
  /** Status and text of the server. */
  readonly message: string;
}

/** A point at which the output is complete up to a row of the input. */
export interface Checkpoint {
  /** Bytes of the output. */
  readonly bytes: number;
  /** Rows of the output. */
  readonly rows: number;
  /** Where the input goes on. */
  readonly input: TablePosition;
  /** Left out since the checkpoint before. */
  readonly skipped: readonly SkippedRows[];
  /** The encoder's state since the checkpoint before; absent: none. */
  readonly state?: unknown;
}

/** What a journal tells. */
export interface JournalContent {
  readonly head: JournalHead;
  readonly checkpoints: readonly Checkpoint[];
}

const version = 1;

/** The first line of a journal. */
export function formatHead(head: JournalHead): string {
  return `${JSON.stringify({ journal: version, ...head })}\n`;
}

/** A line of a journal. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${JSON.stringify(checkpoint)}\n`;
}

/** Reads a journal; undefined when it has no complete first line: nothing was written then. @throws UsageError for one of another version */
export function readJournal(text: string): JournalContent | undefined {
  const lines = text.split("\n").slice(0, -1).map(parseLine);
  const [first, ...rest] = lines;
  if (first === undefined) return undefined;
  if (asObject(first)?.journal !== version) {
    throw new UsageError("its journal is not of this version of sluice; --restart starts anew");
  }
  return {
    head: first as JournalHead, // written by formatHead
    checkpoints: rest.filter((line) => line !== undefined) as unknown[] as Checkpoint[], // written by formatCheckpoint
  };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // cut off
  }
}

/** What differs between the job that an output was begun with and the one that would continue it, in a sentence; undefined: nothing. */
export function describeChange(begun: JobDescription, now: JobDescription): string | undefined {
  const names = new Set([...Object.keys(begun), ...Object.keys(now)]);
  const changes = [...names]
    .filter((name) => begun[name] !== now[name])
    .map((name) => `${name} was ${begun[name] ?? "not given"}, now ${now[name] ?? "not given"}`);
  return changes.length === 0 ? undefined : changes.join("; ");
}
