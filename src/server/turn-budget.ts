/** How long work that can wait may keep the event loop in one of its turns, milliseconds. */
const turnMs = 1;

/**
 * Lets work that can wait run between other things: so much of it in each turn of the event loop, whoever it is for, and what is left in the next
 * turns, in order. One for all calls that share it, since ten of them at once are ten times the delay.
 */
export class TurnBudget {
  #leftMs = turnMs;
  readonly #waiting: (() => void)[] = [];
  #isTurnPlanned = false;

  /** Runs work now if the turn has time left and nobody waits, else later. It should take a fraction of a millisecond, and must not throw. */
  run(work: () => void): void {
    this.#planTurn();
    if (this.#leftMs > 0 && this.#waiting.length === 0) this.#work(work);
    else this.#waiting.push(work);
  }

  /** Resolves when work has run; rejects with what it throws. */
  async done(work: () => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.run(() => {
        try {
          work();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #work(work: () => void): void {
    const startMs = performance.now();
    work();
    this.#leftMs -= performance.now() - startMs;
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    setImmediate(() => {
      this.#isTurnPlanned = false;
      this.#leftMs = turnMs;
      while (this.#leftMs > 0) {
        const work = this.#waiting.shift();
        if (work === undefined) return;
        this.#work(work);
      }
      if (this.#waiting.length > 0) this.#planTurn();
    });
  }
}
