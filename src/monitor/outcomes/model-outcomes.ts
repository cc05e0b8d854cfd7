import type { OutcomeStatus } from "../../outcome.ts";
import type { OutcomeSink, PreviousTruth } from "../prediction.ts";
import { hashId, hashWords, isSampled } from "./id-hash.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { addOutcome, createOutcomeCounts, type OutcomeCounts } from "./outcome-counts.ts";
import { PredictionStore, predictionStoreBytes, type ReadPrediction } from "./prediction-store.ts";
import { layoutMark } from "./prediction-token.ts";
import { ReportedTokens, reportedTokensBytes } from "./reported-tokens.ts";

/** How the predictions of a model version are kept, as its monitor.yaml says. */
export interface OutcomeSettings {
  /** Share of prediction ids that are kept, 0 to 1. */
  readonly sampleRate: number;
  /** Rows that are kept at most. */
  readonly maxPredictions: number;
}

/** Why a prediction that has an id cannot be joined with its truth. */
export type OutcomeDrop = "memory" | "evicted" | "repeated_id" | "too_many_rows";

/** Hears what the outcomes of a model version have to do without. */
export interface OutcomeListener {
  /** So many rows cannot be joined with their truth. */
  onDrop(reason: OutcomeDrop, rows: number): void;
  /** The server's memory is enough for so many predictions, fewer than configured. */
  onReduced(rows: number): void;
}

/** Share of the memory that is left which one store takes at most, so that other model versions find some too. */
export const largestShare = 1 / 2;

/** Fewest rows that a store is worth making for. */
const leastRows = 1_000;

/**
 * What the outcomes of one loaded model version need: predictions by id, tokens that were reported, and counts. Its memory is taken when the first
 * id or token comes.
 */
export class ModelOutcomes {
  readonly sink: OutcomeSink;
  readonly layoutMark: number;
  /** Class index by label; without labels that several classes share. */
  readonly labelIndex: ReadonlyMap<string, number>;
  /** Outcomes that named this version or one of its predictions. */
  readonly counts: OutcomeCounts = createOutcomeCounts();
  readonly #settings: OutcomeSettings;
  readonly #budget: MemoryBudget;
  readonly #listener: OutcomeListener;
  readonly #key = new Uint32Array(hashWords);
  #store: PredictionStore | undefined;
  #reported: ReportedTokens | undefined;
  #takenBytes = 0;
  #tokenRows = 0;

  constructor(sink: OutcomeSink, settings: OutcomeSettings, budget: MemoryBudget, listener: OutcomeListener) {
    this.sink = sink;
    this.layoutMark = layoutMark(sink.layout);
    const { labels } = sink.layout;
    const isOne = (label: string) => labels.indexOf(label) === labels.lastIndexOf(label);
    this.labelIndex = new Map(labels.flatMap((label, index) => (isOne(label) ? [[label, index]] : [])));
    this.#settings = settings;
    this.#budget = budget;
    this.#listener = listener;
  }

  /** Rows that were kept by id or given a token, so that their truth can be joined. A row that has both counts twice. */
  get joinableRows(): number {
    return (this.#store?.counts.keptRows ?? 0) + this.#tokenRows;
  }

  /** The predictions that are kept; undefined: none yet. */
  get store(): PredictionStore | undefined {
    return this.#store;
  }

  /** Keeps a prediction that has an id, if its id is one of the sample. */
  keep(id: string, atMs: number, rows: number, read: ReadPrediction): void {
    hashId(id, this.#key);
    if (!this.samples(this.#key)) return;
    const store = this.#openStore();
    if (store === undefined) {
      this.#listener.onDrop("memory", rows);
      return;
    }
    const { evictedRows } = store.counts;
    const kept = store.keep(this.#key, atMs, rows, read);
    if (kept === "repeated") this.#listener.onDrop("repeated_id", rows);
    else if (kept === "too_many_rows") this.#listener.onDrop("too_many_rows", rows);
    const evicted = store.counts.evictedRows - evictedRows;
    if (evicted > 0) this.#listener.onDrop("evicted", evicted);
  }

  /** So many rows got tokens. */
  addTokens(rows: number): void {
    this.#tokenRows += rows;
  }

  /** Whether the prediction with this hash would have been kept. */
  samples(key: Uint32Array): boolean {
    return this.#settings.maxPredictions > 0 && isSampled(key, this.#settings.sampleRate);
  }

  /** What was reported by a token before. */
  reportedBy(key: Uint32Array): PreviousTruth | undefined {
    return this.#reported?.truthOf(key);
  }

  /** Remembers what a token reported; without memory for it a second report counts again. */
  setReported(key: Uint32Array, truth: PreviousTruth): void {
    if (this.#reported === undefined) {
      const { layout } = this.sink;
      if (!this.#take(reportedTokensBytes(layout))) {
        this.#listener.onDrop("memory", 1);
        return;
      }
      this.#reported = new ReportedTokens(layout);
    }
    this.#reported.setTruth(key, truth);
  }

  count(status: OutcomeStatus): void {
    addOutcome(this.counts, status);
  }

  /** Lets its memory go. */
  close(): void {
    this.#store = undefined;
    this.#reported = undefined;
    this.#budget.giveBack(this.#takenBytes);
    this.#takenBytes = 0;
  }

  /** The store, made with the first prediction: as large as configured, or as what is left of the server's memory for it. */
  #openStore(): PredictionStore | undefined {
    if (this.#store !== undefined) return this.#store;
    const { layout, labelHorizonMs } = this.sink;
    const { maxPredictions } = this.#settings;
    const affordable = Math.floor((this.#budget.freeBytes * largestShare) / predictionStoreBytes(layout, 1));
    const rows = Math.min(maxPredictions, affordable);
    if (rows < Math.min(leastRows, maxPredictions)) return undefined;
    if (rows < maxPredictions) this.#listener.onReduced(rows);
    this.#take(predictionStoreBytes(layout, rows));
    this.#store = new PredictionStore(layout, rows, labelHorizonMs);
    return this.#store;
  }

  #take(bytes: number): boolean {
    if (!this.#budget.tryTake(bytes)) return false;
    this.#takenBytes += bytes;
    return true;
  }
}
