import type { SequenceEnd } from "../observer.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { SequenceId } from "./sequence-id.ts";

/** A request of a sequence. */
export interface SequenceItem {
  readonly entry: QueueEntry;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  /** The element that tells the model the sequence's id; undefined: it does not ask. */
  readonly correlation: Uint8Array | undefined;
}

/** A row of an instance's batches that belongs to one sequence at a time. */
export interface SequenceSlot {
  readonly instance: number;
  readonly number: number;
}

/** A sequence in a slot, at this moment. */
export type PlacedSequence = Sequence & { readonly slot: SequenceSlot };

export function isPlaced(sequence: Sequence | undefined): sequence is PlacedSequence {
  return sequence?.slot !== undefined;
}

/** Requests of one id from its START to its END, in the order in which they came. At most one of them runs at a time. */
export class Sequence {
  readonly id: SequenceId;
  readonly key: string;
  /** Where its requests run; undefined: it waits in the backlog, or has been released. */
  slot: SequenceSlot | undefined;
  /** Requests that do not run yet. */
  readonly waiting: SequenceItem[] = [];
  /** The request that runs. */
  running: SequenceItem | undefined;
  /** It takes no further requests: END has come, or it was ended. It keeps its slot until the last one has been answered. */
  isClosed = false;
  /** It has no slot any more and gets none. */
  isOver = false;
  /** The model may remember something of it: its START has been run. */
  hasState = false;
  /** Number of the shapes of its state, as the runtime process gave it; 0: the initial state's. */
  stateShape = 0;
  /** When the last request came or was answered: from here it counts as idle. */
  activeMs = 0;
  /** When its first waiting request could have run. */
  readyMs = 0;
  /** It stands in the list of its instance's ready sequences. */
  isListed = false;
  /** While it waits in the backlog: when all of it fails, by the `timeout` of its requests. */
  expiresMs = Number.POSITIVE_INFINITY;
  /** Why it was ended before its END; undefined: it was not. */
  endReason: SequenceEnd | undefined;
  /** Of the caller of its stream, which it listens to; undefined: it came by unary calls. */
  signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  constructor(id: SequenceId, key: string) {
    this.id = id;
    this.key = key;
  }

  /** Listens to the caller of a stream in place of another one. */
  listen(signal: AbortSignal, onAbort: () => void): void {
    if (signal === this.signal) return;
    this.unlisten();
    signal.addEventListener("abort", onAbort);
    this.signal = signal;
    this.#onAbort = onAbort;
  }

  unlisten(): void {
    if (this.#onAbort !== undefined) this.signal?.removeEventListener("abort", this.#onAbort);
    this.signal = undefined;
    this.#onAbort = undefined;
  }

  /** Whether nothing of it waits or runs. */
  get isQuiet(): boolean {
    return this.running === undefined && this.waiting.length === 0;
  }
}
