import { Sequence, type SequenceSlot } from "./sequence.ts";
import { type SequenceId, sequenceKey } from "./sequence-id.ts";

/** Lost sequences of a version that are remembered, so that their callers hear what happened. */
const maxRemembered = 10_000;

const nothing: readonly number[] = [];

export interface SequenceTableOptions {
  readonly instances: number;
  /** Sequences that one instance serves at a time. */
  readonly slots: number;
  /** Sequences that may wait for a slot. */
  readonly maxBacklog: number;
}

/** What becomes of a request for a sequence. */
export type Arrival =
  | { readonly kind: "known"; readonly sequence: Sequence }
  | { readonly kind: "opened"; readonly sequence: Sequence }
  /** The sequence was not begun, or has ended. */
  | { readonly kind: "unknown" }
  /** The sequence ended because its runtime process did. */
  | { readonly kind: "lost" }
  | { readonly kind: "full" };

/**
 * Which sequence has which slot, and which ones wait for one: Triton's sequence batch scheduler without its threads. A sequence keeps its slot from
 * its first request to its last; those for which there is none wait in the order in which they began. Pure: no clock, no timers.
 */
export class SequenceTable {
  readonly #options: SequenceTableOptions;
  readonly #byKey = new Map<string, Sequence>();
  readonly #slots: (Sequence | undefined)[][];
  /** Free slots of each instance in descending order, so that the lowest is taken first. */
  readonly #free: number[][];
  readonly #isOnline: boolean[];
  /** In the order of arrival. */
  readonly #backlog = new Set<Sequence>();
  /** Slots of each instance that hold the state of a sequence which is over, at least until another one begins there. */
  readonly #leftovers: readonly Set<number>[];
  /** Keys of lost sequences, and when that happened. */
  readonly #lost = new Map<string, number>();
  #active = 0;

  constructor(options: SequenceTableOptions) {
    this.#options = options;
    const { instances, slots } = options;
    this.#slots = Array.from({ length: instances }, () => []);
    this.#free = Array.from({ length: instances }, () => Array.from({ length: slots }, (_, i) => slots - 1 - i));
    this.#leftovers = Array.from({ length: instances }, () => new Set());
    this.#isOnline = new Array<boolean>(instances).fill(true);
  }

  /** Sequences that have a slot. */
  get active(): number {
    return this.#active;
  }

  /** Sequences that wait for a slot. */
  get backlog(): number {
    return this.#backlog.size;
  }

  get isEmpty(): boolean {
    return this.#active === 0 && this.#backlog.size === 0;
  }

  /** The sequence that takes requests of this id; undefined: none. */
  find(id: SequenceId): Sequence | undefined {
    return this.#byKey.get(sequenceKey(id));
  }

  /** Finds the sequence of a request, or opens it; then it has a slot or stands in the backlog. */
  arrive(id: SequenceId, isStart: boolean): Arrival {
    const key = sequenceKey(id);
    const known = this.#byKey.get(key);
    if (known !== undefined) return { kind: "known", sequence: known };
    if (!isStart) return { kind: this.#lost.has(key) ? "lost" : "unknown" };
    const slot = this.#backlog.size === 0 ? this.#takeFree() : undefined;
    if (slot === undefined && this.#backlog.size >= this.#options.maxBacklog) return { kind: "full" };
    const sequence = new Sequence(id, key);
    this.#lost.delete(key);
    this.#byKey.set(key, sequence);
    if (slot === undefined) this.#backlog.add(sequence);
    else this.#settle(sequence, slot);
    return { kind: "opened", sequence };
  }

  /** A sequence of this id with a slot that takes no requests until it is {@link register}ed; undefined: no slot is free. */
  reserve(id: SequenceId): Sequence | undefined {
    const slot = this.#backlog.size === 0 ? this.#takeFree() : undefined;
    if (slot === undefined) return undefined;
    const sequence = new Sequence(id, sequenceKey(id));
    sequence.activeMs = Number.POSITIVE_INFINITY; // not idle before it is there
    this.#settle(sequence, slot);
    return sequence;
  }

  /** A reserved sequence takes requests from now on. */
  register(sequence: Sequence): void {
    this.#byKey.set(sequence.key, sequence);
  }

  /** The sequence takes no further requests; another one of its id may begin. */
  close(sequence: Sequence): void {
    sequence.isClosed = true;
    if (this.#byKey.get(sequence.key) === sequence) this.#byKey.delete(sequence.key);
  }

  /**
   * Takes a closed sequence out of its slot or the backlog.
   * @returns the sequence from the backlog that has the slot now
   */
  release(sequence: Sequence): Sequence | undefined {
    this.#backlog.delete(sequence);
    const { slot } = sequence;
    if (slot === undefined) return undefined;
    sequence.slot = undefined;
    if (sequence.hasState) this.#leftovers[slot.instance]?.add(slot.number);
    this.#active--;
    const slots = this.#slots[slot.instance] as (Sequence | undefined)[]; // an instance of the table
    slots[slot.number] = undefined;
    while (slots.length > 0 && slots[slots.length - 1] === undefined) slots.pop();
    insertDescending(this.#free[slot.instance] as number[], slot.number);
    return this.promote();
  }

  /** Gives a free slot to the first sequence of the backlog; undefined: there is no such pair. */
  promote(): Sequence | undefined {
    const [first] = this.#backlog;
    const slot = first === undefined ? undefined : this.#takeFree();
    if (first === undefined || slot === undefined) return undefined;
    this.#backlog.delete(first);
    this.#settle(first, slot);
    return first;
  }

  /** Opens an instance's slots for new sequences, or keeps new ones away from it. */
  setOnline(instance: number, isOnline: boolean): void {
    this.#isOnline[instance] = isOnline;
  }

  /** The sequences of an instance by slot number, with holes where a slot is free. */
  slotsOf(instance: number): readonly (Sequence | undefined)[] {
    return this.#slots[instance] as (Sequence | undefined)[]; // an instance of the table
  }

  /** The state in the slot of a sequence is its own from now on. */
  keepState(sequence: Sequence): void {
    const { slot } = sequence;
    sequence.hasState = true;
    if (slot !== undefined) this.#leftovers[slot.instance]?.delete(slot.number);
  }

  /** Free slots of an instance that hold a state nobody needs, at most so many, for whom lets go of it. */
  takeLeftovers(instance: number, limit: number): readonly number[] {
    const leftovers = this.#leftovers[instance];
    if (leftovers === undefined || leftovers.size === 0) return nothing;
    const slots = this.slotsOf(instance);
    const free = [...leftovers].filter((slot) => slots[slot] === undefined).slice(0, limit);
    for (const slot of free) leftovers.delete(slot);
    return free;
  }

  /** Remembers that a sequence of this id was lost. */
  remember(sequence: Sequence, now: number): void {
    this.#lost.delete(sequence.key);
    this.#lost.set(sequence.key, now);
    const [oldest] = this.#lost.keys();
    if (this.#lost.size > maxRemembered && oldest !== undefined) this.#lost.delete(oldest);
  }

  /** Forgets losses from before a moment. */
  forgetBefore(ms: number): void {
    for (const [key, lostMs] of this.#lost) {
      if (lostMs > ms) return; // in the order in which they were lost
      this.#lost.delete(key);
    }
  }

  /** Every sequence that has a slot or waits for one, closed ones too. */
  *all(): Generator<Sequence> {
    for (const slots of this.#slots) for (const sequence of slots) if (sequence !== undefined) yield sequence;
    yield* this.#backlog;
  }

  /** The lowest free slot of all instances, so that the sequences spread evenly and batches have few holes. */
  #takeFree(): SequenceSlot | undefined {
    let best: number | undefined;
    for (let instance = 0; instance < this.#free.length; instance++) {
      const lowest = this.#free[instance]?.at(-1);
      if (lowest === undefined || this.#isOnline[instance] === false) continue;
      if (best === undefined || lowest < (this.#free[best]?.at(-1) ?? 0)) best = instance;
    }
    const number = best === undefined ? undefined : this.#free[best]?.pop();
    return best === undefined || number === undefined ? undefined : { instance: best, number };
  }

  #settle(sequence: Sequence, slot: SequenceSlot): void {
    sequence.slot = slot;
    this.#active++;
    const slots = this.#slots[slot.instance] as (Sequence | undefined)[]; // an instance of the table
    while (slots.length < slot.number) slots.push(undefined);
    slots[slot.number] = sequence;
  }
}

function insertDescending(numbers: number[], number: number): void {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) > number)
      low = middle + 1; // below the length
    else high = middle;
  }
  numbers.splice(low, 0, number);
}
