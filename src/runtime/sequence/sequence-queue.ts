import type { InferenceError } from "../../errors.ts";
import type { Clock } from "../clock.ts";
import type { Sequence } from "./sequence.ts";
import { decideDirect, decideOldest, isReady, type SequenceDecision, type SequencePolicy } from "./sequence-batcher.ts";

/** Where the batches of one instance run. */
export interface SequenceRunner {
  /** The instance has something to run: asks for a turn; the runner then takes a batch from the model. */
  offer(): void;
}

/** What one instance has to run: the first requests of the sequences in its slots, as one of Triton's strategies orders them. */
export class SequenceQueue {
  readonly #policy: SequencePolicy;
  readonly #clock: Clock;
  /** Under the oldest strategy: sequences with a request that may run, in the order in which it could have run. */
  #ready: Sequence[] = [];
  /** When the timer fires that ends a wait for more rows; Infinity: there is none. */
  #delayMs = Number.POSITIVE_INFINITY;
  runner: SequenceRunner | undefined;
  /** Why the instance cannot run; undefined: it can. */
  failure: InferenceError | undefined;

  constructor(policy: SequencePolicy, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /** A sequence has a request that may run. */
  add(sequence: Sequence): void {
    sequence.readyMs = this.#clock.now();
    if (this.#isOldest && !sequence.isListed) {
      sequence.isListed = true;
      this.#ready.push(sequence);
    }
    this.runner?.offer();
  }

  /** @param slots the sequences of the instance by slot number */
  hasWork(slots: readonly (Sequence | undefined)[]): boolean {
    return this.#isOldest ? this.#ready.length > 0 : slots.some(isReady);
  }

  /** The sequences that may be in the next batch, among others. @param slots as {@link hasWork} */
  candidates(slots: readonly (Sequence | undefined)[]): readonly Sequence[] {
    return this.#isOldest ? this.#ready.filter(isReady).slice(0, this.#policy.maxRows) : slots.filter(isReady);
  }

  /** What to run now. Those that run are no candidates any more. */
  take(slots: readonly (Sequence | undefined)[]): SequenceDecision {
    const now = this.#clock.now();
    const decision = this.#isOldest ? this.#takeOldest(now) : decideDirect(slots, this.#policy, now);
    if (decision.kind === "wait") this.#wakeAt(decision.untilMs, now);
    return decision;
  }

  #takeOldest(now: number): SequenceDecision {
    const listed = this.#ready;
    this.#ready = listed.filter(isReady);
    if (this.#ready.length < listed.length) for (const sequence of listed) sequence.isListed = isReady(sequence);
    const decision = decideOldest(this.#ready, this.#policy, now);
    if (decision.kind === "batch")
      for (const sequence of this.#ready.splice(0, decision.rows.length)) sequence.isListed = false;
    return decision;
  }

  #wakeAt(untilMs: number, now: number): void {
    if (untilMs >= this.#delayMs) return;
    this.#delayMs = untilMs;
    this.#clock.after(untilMs - now, () => {
      this.#delayMs = Number.POSITIVE_INFINITY;
      this.runner?.offer();
    });
  }

  get #isOldest(): boolean {
    return this.#policy.strategy.kind === "oldest";
  }
}
