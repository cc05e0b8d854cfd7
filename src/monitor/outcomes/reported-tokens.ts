import type { PredictionLayout, PreviousTruth } from "../prediction.ts";
import { KeyRing, keyPlaceBytes } from "./key-ring.ts";
import { createTruthRecord, readTruth, recordTruth, type TruthRecord, truthBytes } from "./truth-record.ts";

/** Tokens of one model version whose outcome is remembered, 2^16: what a second report is recognised by. */
export const maxReportedTokens = 2 ** 16;

/** Most bytes of that memory; a regression of very many outputs remembers fewer tokens. */
const maxBytes = 32 * 1024 * 1024;

/**
 * What was reported by the last tokens of one model version, so that a second report is a duplicate and a correction knows what it replaces. A
 * token itself is kept nowhere: beyond these, and after a restart, it is taken as new.
 */
export class ReportedTokens {
  readonly #layout: PredictionLayout;
  readonly #keys: KeyRing;
  readonly #truths: TruthRecord;

  constructor(layout: PredictionLayout, capacity: number = reportedTokensOf(layout), secret?: Uint32Array) {
    this.#layout = layout;
    this.#keys = new KeyRing(capacity, secret);
    this.#truths = createTruthRecord(layout, capacity);
  }

  /** What was reported by a token before; undefined: nothing that is remembered. */
  truthOf(key: Uint32Array): PreviousTruth | undefined {
    const place = this.#keys.find(key);
    return place < 0 ? undefined : readTruth(this.#truths, this.#layout, place);
  }

  /** Remembers what was reported by a token. */
  setTruth(key: Uint32Array, truth: PreviousTruth): void {
    const known = this.#keys.find(key);
    recordTruth(this.#truths, known < 0 ? this.#keys.add(key) : known, truth);
  }
}

/** How many tokens of a layout are remembered. */
export function reportedTokensOf(layout: PredictionLayout): number {
  return Math.max(1, Math.min(maxReportedTokens, Math.floor(maxBytes / tokenBytes(layout))));
}

/** Bytes that remembering them takes. */
export function reportedTokensBytes(layout: PredictionLayout): number {
  return reportedTokensOf(layout) * tokenBytes(layout);
}

function tokenBytes(layout: PredictionLayout): number {
  return keyPlaceBytes + truthBytes(layout);
}
