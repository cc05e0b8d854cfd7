/** What the open-loop process is asked to do: send requests at a rate, whatever becomes of those before. */
export interface OpenLoopRequest {
  readonly address: string;
  /** The server's process, whose resident memory is watched. */
  readonly pid: number;
  readonly model: string;
  readonly samplesPath: string;
  readonly rowsPerMessage: number;
  readonly connections: number;
  /** The deadline of each request. */
  readonly timeoutMs: number;
  /** Rates one after another, in requests a second. */
  readonly phases: readonly { readonly perSecond: number; readonly seconds: number }[];
}

/** What became of the requests that were sent in one phase. */
export interface PhaseResult {
  readonly sent: number;
  /** Answered before their deadline. */
  readonly good: number;
  /** Answered after it, and by how much at most. */
  readonly late: number;
  readonly latestMs: number;
  /** UNAVAILABLE: refused or shed. */
  readonly refused: number;
  /** DEADLINE_EXCEEDED. */
  readonly expired: number;
  /** Good answers by when they came, in the time of the phase. */
  readonly goodPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** When the last request was sent that took more than `normalMs` or had no answer, from the beginning of the phase; 0: none did. */
  readonly abnormalUntilMs: number;
}

export interface OpenLoopResult {
  readonly phases: readonly PhaseResult[];
  /** What counts as normal: three times the 99th percentile of the first phase. */
  readonly normalMs: number;
  /** Largest resident memory of the server's front process, bytes, and what it was before. */
  readonly peakBytes: number;
  readonly firstBytes: number;
}
