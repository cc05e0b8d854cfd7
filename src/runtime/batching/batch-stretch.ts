import type { QueueEntry } from "../queue/queue-entry.ts";
import type { DecidedBatch } from "./batcher.ts";

/** How the rows of several tenants share a batch. */
export interface BatchStretch {
  /**
   * How many times longer a batch may take than the rows in it alone that belong to tenants who have no more waiting; at least 1.
   * Infinity: a batch is filled whoever waits.
   */
  readonly limit: number;
  /** Milliseconds that a batch of so many rows is expected to take. */
  predictMs(rows: number): number;
  /** Requests of a tenant that wait, those of the batch included. */
  waitingOf(tenant: string): number;
}

/**
 * How many entries of a batch run together, so that a tenant with little to ask is not kept waiting for the rows of one with much: all of those
 * whose tenants have nothing else waiting, what stands before the last of them, and as many behind it as the limit leaves time for. Where a
 * run takes about the same time whatever its rows (a GPU), that is all of them; where each row takes time (a CPU), the backlog of the
 * others goes into the batches between. Who gets how much in the long run stays the queue's business: turns are charged what they cost.
 * @param entries the batch in its order
 */
export function countWithinStretch(entries: readonly QueueEntry[], stretch: BatchStretch): number {
  const inBatch = new Map<string, number>();
  for (const { context } of entries) inBatch.set(context.tenant, (inBatch.get(context.tenant) ?? 0) + 1);
  if (inBatch.size < 2) return entries.length;
  for (const [tenant, count] of inBatch) {
    if (stretch.waitingOf(tenant) > count) inBatch.delete(tenant); // it has a backlog
  }
  let ownRows = 0;
  let rows = 0;
  let count = 0;
  let seen = 0;
  for (const [index, entry] of entries.entries()) {
    seen += entry.rows;
    if (!inBatch.has(entry.context.tenant)) continue;
    ownRows += entry.rows;
    [count, rows] = [index + 1, seen];
  }
  if (count === 0) return entries.length;
  const limitMs = stretch.limit * stretch.predictMs(ownRows);
  for (; count < entries.length; count++) {
    rows += entries[count]?.rows ?? 0;
    if (stretch.predictMs(rows) > limitMs) break;
  }
  return count;
}

/** The batch without what stretches it too far. @param entries those of the batch, in its order */
export function limitStretch(batch: DecidedBatch, entries: readonly QueueEntry[], stretch: BatchStretch): DecidedBatch {
  const count = countWithinStretch(entries, stretch);
  if (count >= entries.length) return batch;
  const kept = entries.slice(0, count);
  const rows = kept.reduce((sum, entry) => sum + entry.rows, 0);
  const limited = { kind: "batch", count, rows, reason: "share" } as const;
  return batch.picked === undefined ? limited : { ...limited, picked: kept };
}
