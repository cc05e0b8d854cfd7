import { type OutcomeResult, type OutcomeStatus, outcomeStatuses } from "../../outcome.ts";
import { renderTextTable } from "../text-table.ts";

/** Statuses after which nothing is left to do: it counts, it counted before, or it was not to be kept. */
const settled: ReadonlySet<OutcomeStatus> = new Set(["ACCEPTED", "CORRECTED", "DUPLICATE", "NOT_SAMPLED"]);

/** Outcomes of one status. */
export interface TallyEntry {
  readonly status: OutcomeStatus;
  readonly count: number;
  /** The first row that had it, from 0, and what the server said about that. */
  readonly firstRow: number;
  readonly message: string;
}

/** Counts what became of reported outcomes. */
export class OutcomeTally {
  readonly #entries = new Map<OutcomeStatus, { count: number; readonly firstRow: number; readonly message: string }>();
  #rows = 0;

  /** Takes the results of successive rows. */
  add(firstRow: number, results: readonly OutcomeResult[]): void {
    for (const [index, { status, message }] of results.entries()) {
      const entry = this.#entries.get(status);
      if (entry === undefined) this.#entries.set(status, { count: 1, firstRow: firstRow + index, message });
      else entry.count++;
    }
    this.#rows += results.length;
  }

  get rows(): number {
    return this.#rows;
  }

  /** In the order of the protocol. */
  get entries(): readonly TallyEntry[] {
    return outcomeStatuses.flatMap((status) => {
      const entry = this.#entries.get(status);
      return entry === undefined ? [] : [{ status, ...entry }];
    });
  }

  /** Outcomes that do not count, and could. */
  get unsettled(): number {
    return this.entries.filter(({ status }) => !settled.has(status)).reduce((sum, { count }) => sum + count, 0);
  }

  get json(): object {
    return {
      rows: this.#rows,
      unsettled: this.unsettled,
      results: this.entries.map(({ status, count, firstRow, message }) => ({
        status: status.toLowerCase(),
        count,
        first_row: firstRow,
        ...(message !== "" && { message }),
      })),
    };
  }

  /** A line for each status, with what the server said about the first of them. */
  get text(): string {
    const columns = [
      { title: "result" },
      { title: "outcomes", align: "right" },
      { title: "the first of them" },
    ] as const;
    const lines = this.entries.map(({ status, count, firstRow, message }) => [
      status.toLowerCase(),
      String(count),
      message === "" ? `row ${firstRow}` : `row ${firstRow}: ${message}`,
    ]);
    return renderTextTable(columns, lines);
  }
}
