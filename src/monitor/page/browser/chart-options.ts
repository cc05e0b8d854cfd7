/** Round distances between numbers that are counted: none between whole ones. */
export const wholeIncrements: readonly number[] = Array.from({ length: 15 }, (_, i) =>
  [1, 2, 5].map((step) => step * 10 ** i),
).flat();

/** Numbers of a chart along its horizontal axis; null is a gap. */
export type Values = readonly (number | null)[];

/** One line, area or row of bars. */
export interface ChartSeries {
  readonly label: string;
  /** Custom property of the style sheet that has its colour. */
  readonly color: string;
  readonly look?: "line" | "dashed" | "dots" | "area" | "wide-bars" | "bars";
  /** Of the vertical scales; absent: the one whose axis is drawn. */
  readonly scale?: "second";
}

/** An area between two rows of numbers, for intervals. */
export interface ChartBand {
  readonly color: string;
}

/** How a chart is drawn. */
export interface ChartOptions {
  readonly title: string;
  /** What the vertical axis counts, for people: `mean time of a request`. */
  readonly note?: string;
  /** What is chosen for the chart, in its first line. */
  readonly control?: HTMLElement;
  readonly series: readonly ChartSeries[];
  readonly bands?: readonly ChartBand[];
  /** Each series is drawn on top of the one before. */
  readonly isStacked?: boolean;
  readonly height?: number;
  /** Writes a number of the vertical axis. */
  readonly format: (value: number) => string;
  /** Writes a place on the horizontal axis, for the table and the reading. */
  readonly formatX: (x: number) => string;
  /** Heading of the first column of the table. */
  readonly xTitle: string;
  /** Labels of the horizontal axis and where they stand; absent: moments, told by `formatX`. */
  readonly ticks?: () => { readonly at: readonly number[]; readonly labels: readonly string[] };
  /** Distances between numbers of the vertical axis that are round; absent: decimal ones. */
  readonly increments?: readonly number[];
  /** Ends of the horizontal axis; absent: those of the numbers. */
  readonly rangeX?: () => readonly [number, number];
  /** Ends of the vertical axis from the least and the greatest number; absent: from zero up. */
  readonly rangeY?: (low: number, high: number) => readonly [number, number];
  /** Charts of one view that point at the same moment. */
  readonly group?: string;
  /** Writes a number of one series where it is no number of the vertical axis. */
  readonly formatSeries?: (series: number, value: number) => string;
}

/** Numbers to draw: as many rows as there are series, and a lower and an upper one for each band. */
export interface ChartData {
  readonly x: readonly number[];
  readonly series: readonly Values[];
  readonly bands?: readonly { readonly lower: Values; readonly upper: Values }[];
}
