import type { Clock } from "../clock.ts";
import type { ProcessSlot } from "./process-slot.ts";

/** Trial processes at a time: two, so that a model whose trial never ends holds up the others by half. */
const maxTrialProcesses = 2;

/** A trial process ends when nobody has used it for this long. */
const idleMs = 2_000;

interface IdleSlot {
  readonly slot: ProcessSlot;
  readonly cancelEnd: () => void;
}

/**
 * Processes in which small models are loaded and tried before they join others. Each is lent to one model at a time: a trial takes several
 * steps, and a model that kills the process between them would take the sessions of the others along.
 */
export class TrialProcesses {
  readonly #clock: Clock;
  readonly #createSlot: () => ProcessSlot;
  readonly #lent = new Set<ProcessSlot>();
  readonly #waiting: ((slot: ProcessSlot) => void)[] = [];
  #idle: readonly IdleSlot[] = [];

  constructor(clock: Clock, createSlot: () => ProcessSlot) {
    this.#clock = clock;
    this.#createSlot = createSlot;
  }

  /** Lends a process that nobody else uses meanwhile; borrowers wait in the order in which they came. */
  async lend<T>(use: (slot: ProcessSlot) => Promise<T>): Promise<T> {
    const slot = this.#take() ?? (await new Promise<ProcessSlot>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(slot);
    } finally {
      this.#giveBack(slot);
    }
  }

  /** The processes there are, lent ones and idle ones. */
  get slots(): readonly ProcessSlot[] {
    return [...this.#lent, ...this.#idle.map(({ slot }) => slot)];
  }

  #take(): ProcessSlot | undefined {
    const [idle, ...others] = this.#idle;
    if (idle === undefined && this.#lent.size >= maxTrialProcesses) return undefined;
    this.#idle = others;
    idle?.cancelEnd();
    const slot = idle?.slot ?? this.#createSlot();
    this.#lent.add(slot);
    return slot;
  }

  #giveBack(slot: ProcessSlot): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(slot);
      return;
    }
    this.#lent.delete(slot);
    const cancelEnd = this.#clock.after(idleMs, () => {
      this.#idle = this.#idle.filter((idle) => idle.slot !== slot);
      slot.stop();
    });
    this.#idle = [...this.#idle, { slot, cancelEnd }];
  }
}
