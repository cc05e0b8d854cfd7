import type { Reason } from "../errors.ts";
import { type OutcomeResult, type OutcomeStatus, outcomeStatuses } from "../outcome.ts";
import { WireReader } from "./wire-reader.ts";
import { fieldSize, stringFieldSize, varintSize, WireWriter } from "./wire-writer.ts";

/** What answers the messages that carry outcomes (`outcome-messages.ts`): their results. */

const responseTags = { results: 0x0a, counts: 0x12 } as const;
const resultTags = { status: 0x08, message: 0x12 } as const;
const countTags = { status: 0x08, count: 0x10 } as const;
const streamResponseTags = { index: 0x08, result: 0x12 } as const;

function statusNumber(status: OutcomeStatus): number {
  return outcomeStatuses.indexOf(status);
}

/**
 * Writes a ReportOutcomesResponse piece by piece: the results in order, then how many there were of each status. Ten thousand results at once would
 * hold up whoever else uses the event loop.
 */
export class ReportResponseWriter {
  readonly #pieces: Buffer[] = [];
  readonly #counts = new Map<number, number>();

  /** The next results. */
  add(results: readonly OutcomeResult[]): void {
    let size = 0;
    for (const result of results) {
      const status = statusNumber(result.status);
      this.#counts.set(status, (this.#counts.get(status) ?? 0) + 1);
      size += fieldSize(resultSize(result));
    }
    const writer = new WireWriter(size);
    for (const result of results) writeResult(writer, responseTags.results, result);
    this.#pieces.push(writer.bytes);
  }

  /** The whole message. */
  end(): Buffer {
    const counts = [...this.#counts].sort(([a], [b]) => a - b);
    const size = counts.reduce((sum, [status, count]) => sum + fieldSize(countSize(status, count)), 0);
    const writer = new WireWriter(size);
    for (const [status, count] of counts) {
      writer.field(responseTags.counts, countSize(status, count));
      writeStatus(writer, countTags.status, status);
      writer.byte(countTags.count);
      writer.varint(count);
    }
    return Buffer.concat([...this.#pieces, writer.bytes]);
  }
}

/** A StreamOutcomesResponse. */
export function encodeStreamResult(index: number, result: OutcomeResult): Buffer {
  const indexSize = index === 0 ? 0 : 1 + varintSize(index);
  const writer = new WireWriter(indexSize + fieldSize(resultSize(result)));
  if (index > 0) {
    writer.byte(streamResponseTags.index);
    writer.varint(index);
  }
  writeResult(writer, streamResponseTags.result, result);
  return writer.bytes;
}

function countSize(status: number, count: number): number {
  return (status === 0 ? 0 : 2) + 1 + varintSize(count);
}

function resultSize({ status, message }: OutcomeResult): number {
  return (statusNumber(status) === 0 ? 0 : 2) + stringFieldSize(message);
}

function writeResult(writer: WireWriter, tag: number, result: OutcomeResult): void {
  writer.field(tag, resultSize(result));
  writeStatus(writer, resultTags.status, statusNumber(result.status));
  writer.optionalString(resultTags.message, result.message);
}

function writeStatus(writer: WireWriter, tag: number, status: number): void {
  if (status === 0) return;
  writer.byte(tag);
  writer.byte(status); // below 128, so that its varint is one byte
}

const serverFault: Reason = "internal";

/** The results of a ReportOutcomesResponse. @throws InferenceError "internal": the server is at fault, not the caller */
export function decodeReportResults(bytes: Buffer): readonly OutcomeResult[] {
  const reader = new WireReader(bytes, "ReportOutcomesResponse", serverFault);
  const results: OutcomeResult[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === responseTags.results) results.push(readResult(reader));
    else if (tag === responseTags.counts)
      reader.bytesField(); // counted again where they are wanted
    else reader.skip(tag, 2);
  }
  return results;
}

/** A StreamOutcomesResponse; throws as {@link decodeReportResults}. */
export function decodeStreamResult(bytes: Buffer): { readonly index: number; readonly result: OutcomeResult } {
  const reader = new WireReader(bytes, "StreamOutcomesResponse", serverFault);
  let index = 0;
  let result: OutcomeResult = { status: "UNSPECIFIED", message: "" };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === streamResponseTags.index) index = Number(reader.uint64());
    else if (tag === streamResponseTags.result) result = readResult(reader);
    else reader.skip(tag, 2);
  }
  return { index, result };
}

function readResult(reader: WireReader): OutcomeResult {
  let status: OutcomeStatus = "UNSPECIFIED";
  let message = "";
  const outer = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === resultTags.status) status = readStatus(reader);
    else if (tag === resultTags.message) message = reader.string();
    else reader.skip(tag, 2);
  }
  reader.leave(outer);
  return { status, message };
}

/** A status that this version does not know is none that it can act on. */
function readStatus(reader: WireReader): OutcomeStatus {
  reader.varint();
  return outcomeStatuses[reader.low] ?? "UNSPECIFIED";
}
