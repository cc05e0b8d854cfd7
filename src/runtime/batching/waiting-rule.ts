import { predictRunMs, type RunTimeEstimate } from "./run-time-model.ts";

/** What waits while an instance is free, and what is known about what would come of waiting longer. */
export interface WaitingRows {
  readonly now: number;
  readonly rows: number;
  /** Most rows of the batch. */
  readonly maxRows: number;
  /** When the answers have to be there: the oldest request's arrival plus the latency target, or an earlier deadline. */
  readonly answerByMs: number;
  /** Rows that arrive in a millisecond. */
  readonly rowsPerMs: number;
  /** Undefined: nothing is known yet. */
  readonly runTime: RunTimeEstimate | undefined;
}

/** Go now, because the target allows no more waiting or because waiting brings nothing; or wait until a time. */
export type WaitingDecision = "target" | "idle" | { readonly untilMs: number };

/** A batch that waits has to make every row so much cheaper. */
const leastGain = 0.1;
/** Runs before an estimate is relied on. */
const leastRuns = 3;
/** The answer is planned so many spreads of the run time early. */
const marginSpreads = 3;
/** A timer fires up to a millisecond late. */
const timerMs = 1;

/**
 * The waiting rule for a model with a latency target (docs/adr/0006): wait for more rows while the oldest request still meets the target when
 * the batch that is expected then runs, provided that rows are expected and make the batch cheaper by the row.
 */
export function decideWaiting({ now, rows, maxRows, answerByMs, rowsPerMs, runTime }: WaitingRows): WaitingDecision {
  if (runTime === undefined || runTime.runs < leastRuns || rows === 0) return "idle";
  const latestMs = answerByMs - timerMs - marginSpreads * runTime.spreadMs;
  const runMs = predictRunMs(runTime, rows);
  const slackMs = latestMs - runMs - now;
  if (slackMs <= 0) return "target";
  const arrivals = rowsPerMs * slackMs;
  if (arrivals < 1) return "idle";
  const grown = Math.min(maxRows, rows + arrivals);
  const grownMs = predictRunMs(runTime, grown);
  if (grownMs / grown > (1 - leastGain) * (runMs / rows)) return "idle";
  const untilMs = latestMs - grownMs;
  return untilMs > now ? { untilMs } : "target";
}
