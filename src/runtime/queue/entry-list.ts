import type { QueueEntry } from "./queue-entry.ts";

/**
 * Most entries that one passes on its way to its place: keeps a caller whose deadlines come nearer and nearer from making the front process
 * walk through all that waits, again and again. An entry that has passed so many stays where it is.
 */
const maxPassed = 4096;

/** A list linked through the entries themselves, whose links are cut when they leave (docs/adr/0004). An entry is in one list at most. */
export class EntryList {
  head: QueueEntry | undefined;
  #tail: QueueEntry | undefined;

  get tail(): QueueEntry | undefined {
    return this.#tail;
  }

  append(entry: QueueEntry): void {
    this.#insertAfter(this.#tail, entry);
  }

  prepend(entry: QueueEntry): void {
    this.#insertAfter(undefined, entry);
  }

  /** Puts an entry behind all that are due when it is or earlier; entries without deadlines come in this order anyway. */
  insertByDue(entry: QueueEntry): void {
    let before = this.#tail;
    if (this.head !== undefined && this.head.dueMs > entry.dueMs) before = undefined;
    for (let passed = 0; before !== undefined && before.dueMs > entry.dueMs && passed < maxPassed; passed++) {
      before = before.previous;
    }
    this.#insertAfter(before, entry);
  }

  /** Rows of the entries that one due at this time would stand before. */
  rowsDueAfter(dueMs: number): number {
    let rows = 0;
    let entry = this.#tail;
    for (let passed = 0; entry !== undefined && entry.dueMs > dueMs && passed < maxPassed; passed++) {
      rows += entry.rows;
      entry = entry.previous;
    }
    return rows;
  }

  remove(entry: QueueEntry): void {
    if (entry.previous === undefined) this.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#tail = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  #insertAfter(previous: QueueEntry | undefined, entry: QueueEntry): void {
    const next = previous === undefined ? this.head : previous.next;
    entry.previous = previous;
    entry.next = next;
    if (previous === undefined) this.head = entry;
    else previous.next = entry;
    if (next === undefined) this.#tail = entry;
    else next.previous = entry;
  }
}
