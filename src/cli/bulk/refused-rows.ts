import type { SkippedRows } from "./journal.ts";

/** Runs of rows that are kept by number; of those beyond only the count. */
const maxRuns = 1000;

/** Rows that were left out: how many, and which, as far as a summary can tell. */
export class RefusedRows {
  #count = 0;
  #isCut = false;
  readonly #runs: SkippedRows[] = [];

  add(skipped: SkippedRows): void {
    this.#count += skipped.rowCount;
    const last = this.#runs.at(-1);
    if (last?.message === skipped.message && last.firstRow + last.rowCount === skipped.firstRow) {
      this.#runs[this.#runs.length - 1] = { ...last, rowCount: last.rowCount + skipped.rowCount };
    } else if (this.#runs.length < maxRuns) this.#runs.push(skipped);
    else this.#isCut = true;
  }

  get count(): number {
    return this.#count;
  }

  /** The first runs, neighbours with the same message joined. */
  get runs(): readonly SkippedRows[] {
    return this.#runs;
  }

  /** Whether there were more runs than are kept. */
  get isCut(): boolean {
    return this.#isCut;
  }
}
