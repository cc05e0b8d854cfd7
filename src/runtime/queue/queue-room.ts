import { InferenceError } from "../../errors.ts";
import type { InferenceRequest } from "../../inference.ts";
import { inputBytes, noMeasure } from "../batching/request-measure.ts";
import { type SlotLimit, sizeInBatch } from "../batching/slot-limit.ts";
import type { ValidRequest } from "../validator.ts";
import { type QueuePolicy, queueFull } from "./queue-policy.ts";
import type { QueueMeasure, RequestQueue } from "./request-queue.ts";

/** What a queue may hold, and who clears it up. */
export interface QueueRoomOptions {
  readonly maxQueueRequests: number;
  readonly maxQueueBytes: number;
  /** Called after the queue was searched for what nobody waits for any more, to tell those that were dropped. */
  onSearched(): void;
  /** After how long a request for which there is no room may come back. */
  pushbackMs(): number;
}

/** Where a request will wait. */
export interface QueuePlace {
  readonly tenant: string;
  readonly level: number;
}

/** What a request takes in the queue. */
interface QueueNeed {
  readonly bytes: number;
  /** Places: one for each batch that it takes part in. */
  readonly parts: number;
}

/** A limit of the queue that a request would exceed, and by how much. */
interface QueueExcess {
  readonly kind: "level" | "requests" | "bytes";
  readonly missing: number;
}

const inBytes: QueueMeasure = { line: ({ bytes }) => bytes, entry: ({ byteLength }) => byteLength };
const inRequests: QueueMeasure = { line: ({ requests }) => requests, entry: () => 1 };

function inLevel(level: number): QueueMeasure {
  return { line: (line) => line.requestsIn(level), entry: () => 1 };
}

/** A full queue is searched for entries that nobody waits for any more at most this often: the search looks at all of them. */
const fullSearchMs = 50;

/** The bounds of a model's queue: whether one more request fits, and who gives way for it where it does not. */
export class QueueRoom {
  readonly #queue: RequestQueue;
  readonly #policy: QueuePolicy;
  readonly #slotLimit: SlotLimit;
  readonly #options: QueueRoomOptions;
  #searchedMs = Number.NEGATIVE_INFINITY;

  constructor(queue: RequestQueue, policy: QueuePolicy, slotLimit: SlotLimit, options: QueueRoomOptions) {
    this.#queue = queue;
    this.#policy = policy;
    this.#slotLimit = slotLimit;
    this.#options = options;
  }

  /**
   * Makes sure that there is room for a request; others may be dropped for that.
   * @throws InferenceError "too_large" when there can never be, "queue_full" when there is none now
   */
  claim(request: InferenceRequest, valid: ValidRequest, place: QueuePlace, now: number): void {
    const { inputs, rows, measure = noMeasure } = valid;
    const bytes = inputBytes(inputs);
    const size = sizeInBatch({ inputs, rows, byteLength: bytes, measure });
    this.#slotLimit.check(size, size.byteLength);
    const need = { bytes, parts: this.#partsOf(rows, this.#slotLimit.rowsOf(size)) };
    if (this.#excessOf(place.level, need) === undefined) return;
    if (now - this.#searchedMs >= fullSearchMs) {
      this.#searchedMs = now;
      this.#queue.expire(now);
      this.#options.onSearched();
    }
    this.#makeRoom(request, place, need);
  }

  /**
   * Each part of a split request takes a place in the queue. Rows alone bound nothing: a row of no elements takes no bytes.
   * @throws InferenceError "too_large" when there can never be so many places
   */
  #partsOf(rows: number, maxRows: number): number {
    const parts = rows <= maxRows ? 1 : Math.ceil(rows / maxRows);
    const { maxQueueRequests } = this.#options;
    if (parts === 1 || parts <= maxQueueRequests) return parts;
    throw new InferenceError(
      "too_large",
      `a request of ${rows} rows takes ${parts} batches, more than the ${maxQueueRequests} requests that may wait (--max-queue-requests)`,
      { retryAfterMs: -1 },
    );
  }

  /** In a full queue whoever has most by weight gives way to a tenant that has less; a tenant that has most itself is refused. */
  #makeRoom(request: InferenceRequest, { tenant, level }: QueuePlace, need: QueueNeed): void {
    for (let full = this.#excessOf(level, need); full !== undefined; full = this.#excessOf(level, need)) {
      const { kind, missing } = full;
      const hasRoom =
        kind === "bytes"
          ? this.#queue.giveWay(tenant, inBytes, need.bytes, missing)
          : kind === "requests"
            ? this.#queue.giveWay(tenant, inRequests, need.parts, missing)
            : this.#queue.giveWay(tenant, inLevel(level), 1, missing, level);
      if (!hasRoom) throw queueFull(request, this.#options.pushbackMs());
    }
  }

  /** What there is too much of to let one more in, and by how much; undefined: there is room. */
  #excessOf(level: number, { bytes, parts }: QueueNeed): QueueExcess | undefined {
    const { maxQueueRequests, maxQueueBytes } = this.#options;
    const policy = this.#policy.levels[level - 1];
    const places = policy === undefined ? 0 : this.#queue.requestsIn(level) + 1 - policy.maxRequests;
    if (places > 0) return { kind: "level", missing: places };
    const requests = this.#queue.requests + parts - maxQueueRequests;
    if (requests > 0) return { kind: "requests", missing: requests };
    const excess = this.#queue.bytes + bytes - maxQueueBytes;
    if (this.#queue.requests === 0 || excess <= 0) return undefined; // an empty queue takes a request of any size
    return { kind: "bytes", missing: Math.min(excess, this.#queue.bytes) };
  }
}
