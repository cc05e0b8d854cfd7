/** What a run of one shape bucket takes: `fixedMs + perRowMs * rows`, from the taking of a batch to its answers. */
export interface RunTimeEstimate {
  readonly fixedMs: number;
  readonly perRowMs: number;
  /** How far runs usually lie from that line (mean absolute deviation), milliseconds. */
  readonly spreadMs: number;
  /** Runs that it was learned from, those of the warm-up included. */
  readonly runs: number;
}

/** What has been learned of one shape bucket; {@link learnRun} makes the next one of it. */
export interface RunTimeState extends RunTimeEstimate {
  /** Sum of the runs' weights, weighted means, and weighted sums of squares and products about them. */
  readonly weight: number;
  readonly meanRows: number;
  readonly meanMs: number;
  readonly rowsSquared: number;
  readonly rowsTimesMs: number;
  /** Runs of different sizes have been seen, so the line has a slope of its own. */
  readonly hasSlope: boolean;
}

export const unknownRunTime: RunTimeState = {
  fixedMs: 0,
  perRowMs: 0,
  spreadMs: 0,
  runs: 0,
  weight: 0,
  meanRows: 0,
  meanMs: 0,
  rowsSquared: 0,
  rowsTimesMs: 0,
  hasSlope: false,
};

/** Weight of the past against each new run: the last fifty runs count for most, so a model that becomes slower is known within them. */
const forgetting = 0.98;
/** Runs before an unusual one is told from a usual one. */
const settledRuns = 8;
/** A run counts as no further from the line than so many spreads, or so large a part of what was predicted: one pause is no trend. */
const outlierSpreads = 4;
const outlierShare = 0.1;
/** Weight of the latest run in the spread. */
const spreadWeight = 0.05;
/** Below it all sizes seen lately are one: the slope stays what it was. */
const leastRowsSquared = 1e-6;

/**
 * Recursive least squares with forgetting, for a line that falls nowhere and starts at 0 or above. In the form of weighted means and moments
 * (Welford), which, unlike the form with a covariance matrix, cannot wind up while every run has the same size. A run far from
 * the line counts as if it lay at the outlier limit; since that widens the spread, a lasting change is followed all the same.
 */
export function learnRun(state: RunTimeState, rows: number, runMs: number): RunTimeState {
  const spreadMs = nextSpread(state, rows, runMs);
  const value = withinOutliers(state, rows, runMs);
  const weight = forgetting * state.weight + 1;
  const rowsAway = rows - state.meanRows;
  const meanRows = state.meanRows + rowsAway / weight;
  const meanMs = state.meanMs + (value - state.meanMs) / weight;
  const moments = {
    weight,
    meanRows,
    meanMs,
    rowsSquared: forgetting * state.rowsSquared + rowsAway * (rows - meanRows),
    rowsTimesMs: forgetting * state.rowsTimesMs + rowsAway * (value - meanMs),
    hasSlope: state.hasSlope,
  };
  return { ...moments, ...lineOf(moments, state.perRowMs), spreadMs, runs: state.runs + 1 };
}

function nextSpread(state: RunTimeState, rows: number, runMs: number): number {
  if (state.runs === 0) return 0;
  const distance = Math.abs(runMs - predictRunMs(state, rows));
  const counted = state.runs < settledRuns ? distance : Math.min(distance, 2 * outlierLimit(state, rows));
  return state.spreadMs + Math.max(spreadWeight, 1 / state.runs) * (counted - state.spreadMs);
}

function outlierLimit(state: RunTimeState, rows: number): number {
  return Math.max(outlierSpreads * state.spreadMs, outlierShare * predictRunMs(state, rows));
}

function withinOutliers(state: RunTimeState, rows: number, runMs: number): number {
  if (state.runs < settledRuns) return runMs;
  const predicted = predictRunMs(state, rows);
  const limit = outlierLimit(state, rows);
  return Math.min(predicted + limit, Math.max(predicted - limit, runMs));
}

type Moments = Pick<RunTimeState, "weight" | "meanRows" | "meanMs" | "rowsSquared" | "rowsTimesMs" | "hasSlope">;
type Line = Pick<RunTimeState, "fixedMs" | "perRowMs" | "hasSlope">;

function lineOf(moments: Moments, lastSlope: number): Line {
  const { weight, meanRows, meanMs, rowsSquared, rowsTimesMs } = moments;
  const hasSlope = moments.hasSlope || rowsSquared > leastRowsSquared;
  // One size only: nothing tells how the time is shared out, so it is taken as that of its rows.
  if (!hasSlope) return { fixedMs: 0, perRowMs: meanMs / Math.max(1, meanRows), hasSlope };
  const slope = rowsSquared > leastRowsSquared ? rowsTimesMs / rowsSquared : lastSlope;
  if (slope <= 0) return { fixedMs: meanMs, perRowMs: 0, hasSlope };
  const fixedMs = meanMs - slope * meanRows;
  if (fixedMs >= 0) return { fixedMs, perRowMs: slope, hasSlope };
  const throughOrigin = (rowsTimesMs + weight * meanRows * meanMs) / (rowsSquared + weight * meanRows * meanRows);
  return { fixedMs: 0, perRowMs: throughOrigin, hasSlope };
}

/** Milliseconds that a batch of so many rows is expected to take. */
export function predictRunMs({ fixedMs, perRowMs }: RunTimeEstimate, rows: number): number {
  return fixedMs + perRowMs * rows;
}

/** Most shape buckets of a model: of the lengths that it pads to, or of powers of two. */
export const maxShapeBuckets = 64;

/**
 * The shape bucket of requests whose shapes vary and are not padded: the power of two that holds the input bytes of one row. Requests of
 * one bucket take times that differ by less than a factor of two, and there are few buckets whatever clients send.
 */
export function byteBucketOf(byteLength: number, rows: number): number {
  return 32 - Math.clz32(Math.min(2 ** 32, Math.max(1, Math.ceil(byteLength / Math.max(1, rows)))) - 1);
}

/** Learned run times of one model version by shape bucket. */
export class RunTimeModel {
  readonly #states: (RunTimeState | undefined)[] = [];
  /** What passes between the stages: the hop to the runtime process and back. */
  #hopMs = 0;

  /** A batch was answered `elapsedMs` after it was taken; its stages took `busyMs` of it. */
  learn(shapeBucket: number, rows: number, elapsedMs: number, busyMs: number): RunTimeEstimate {
    this.#hopMs += spreadWeight * (Math.max(0, elapsedMs - busyMs) - this.#hopMs);
    return this.#learn(shapeBucket, rows, elapsedMs);
  }

  /** A batch had waited behind another one in its runtime process, so only the time of its stages is known. */
  learnBusy(shapeBucket: number, rows: number, busyMs: number): RunTimeEstimate {
    return this.#learn(shapeBucket, rows, busyMs + this.#hopMs);
  }

  #learn(shapeBucket: number, rows: number, runMs: number): RunTimeEstimate {
    const bucket = Math.min(shapeBucket, maxShapeBuckets - 1);
    const next = learnRun(this.#states[bucket] ?? unknownRunTime, rows, runMs);
    this.#states[bucket] = next;
    return next;
  }

  /** Undefined: no run of this bucket has ended yet. */
  estimate(shapeBucket: number): RunTimeEstimate | undefined {
    return this.#states[Math.min(shapeBucket, maxShapeBuckets - 1)];
  }
}
