/** How far a run over a file has come. */
export interface ProgressState {
  /** Rows answered, those of earlier runs included. */
  readonly rows: number;
  /** Rows that earlier runs had answered. */
  readonly earlierRows: number;
  readonly skippedRows: number;
  /** Share of the input that is done, 0 to 1; undefined: its size is not known. */
  readonly share: number | undefined;
  /** The share that earlier runs had done. */
  readonly earlierShare: number;
  readonly elapsedMs: number;
}

/** Characters of the bar. */
const barWidth = 24;

/** One line without line break: `[####    ]  42 %  123,456 rows  20,000 rows/s  1:05 left`. The bar is for terminals only. */
export function progressLine(state: ProgressState, hasBar: boolean): string {
  const { rows, skippedRows, share } = state;
  const perSecond = rowsPerSecond(state);
  const parts = [`${formatCount(rows)} rows`, `${formatCount(perSecond)} rows/s`];
  if (skippedRows > 0) parts.push(`${formatCount(skippedRows)} skipped`);
  const left = msLeft(state);
  if (left !== undefined) parts.push(`${formatTime(left)} left`);
  if (share === undefined) return parts.join("  ");
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const filled = Math.min(barWidth, Math.floor(share * barWidth));
  const bar = hasBar ? [`[${"#".repeat(filled).padEnd(barWidth)}]`] : [];
  return [...bar, percent, ...parts].join("  ");
}

/** Rows a second of this run. */
export function rowsPerSecond({ rows, earlierRows, elapsedMs }: ProgressState): number {
  return elapsedMs > 0 ? Math.round(((rows - earlierRows) / elapsedMs) * 1000) : 0;
}

/** Milliseconds that the rest takes at the pace of this run; undefined where nothing is known yet. */
export function msLeft({ share, earlierShare, elapsedMs }: ProgressState): number | undefined {
  if (share === undefined || share <= earlierShare || elapsedMs <= 0) return undefined;
  return (elapsedMs * (1 - share)) / (share - earlierShare);
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `0:07`, `12:34`, `1:02:03`. */
export function formatTime(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
