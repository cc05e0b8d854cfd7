/**
 * How long before the end of a run the next batch is sent ahead, at least: what forming it and handing it over take, and a timer may be late.
 * Requests that come later than this wait one batch longer.
 */
const leastLeadMs = 1.5;
/** The same as a share of the run: predictions of long runs are further off. */
const leadShare = 0.1;

/** What a batch is to the prediction of its run. */
interface Run {
  readonly rows: number;
  readonly shapeBucket: number;
}

/** The run that an only instance is busy with, and the batch behind it, to tell when the next one should be formed. Pure state. */
export class RunUnderWay {
  #startMs = 0;
  #run: Run | undefined;
  #behind: Run | undefined;

  /** A batch was handed over. @param isAhead it waits behind the one that runs */
  onTaken(run: Run, isAhead: boolean, now: number): void {
    if (isAhead && this.#run !== undefined) {
      this.#behind = run;
    } else {
      this.#run = run;
      this.#startMs = now;
    }
  }

  /** A batch has ended, however it did: the one behind it runs. */
  onEnded(now: number): void {
    this.#run = this.#behind;
    this.#behind = undefined;
    this.#startMs = now;
  }

  /**
   * From when on the next batch may be formed so that it is there in time; Infinity: that is not known.
   * @param predictMs how long a run takes; undefined: not known
   */
  nextFromMs(predictMs: (run: Run) => number | undefined): number {
    const runMs = this.#run === undefined ? undefined : predictMs(this.#run);
    if (runMs === undefined) return Number.POSITIVE_INFINITY;
    return this.#startMs + runMs - Math.max(leastLeadMs, leadShare * runMs);
  }
}
