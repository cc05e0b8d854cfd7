/**
 * A control chart of the exponentially weighted moving average (Roberts 1959), of values that have mean 0 and standard deviation 1 while nothing
 * has changed.
 */

/** What a chart is made with. */
export interface EwmaOptions {
  /** Weight of the latest value, above 0 to 1. Small ones find small changes. */
  readonly weight: number;
  /** Control limits, in standard deviations of the average. */
  readonly limit: number;
  /** Values that the mean and standard deviation were estimated from: they are that uncertain. Infinity: they are known. */
  readonly baseline: number;
}

/** State of a chart. */
export interface EwmaChart extends EwmaOptions {
  /** The average. */
  average: number;
  /** Values since the last alarm. */
  count: number;
  /** The latest value alarmed: the next one begins anew. */
  hasAlarmed: boolean;
}

/** A chart that has seen nothing. */
export function createEwmaChart({ weight, limit, baseline }: EwmaOptions): EwmaChart {
  return { weight, limit, baseline, average: 0, count: 0, hasAlarmed: false };
}

/** Upper control limit after so many values; the lower one is its negative. */
export function controlLimit({ weight, limit, baseline }: EwmaOptions, count: number): number {
  const variance = (weight / (2 - weight)) * (1 - (1 - weight) ** (2 * count));
  return limit * Math.sqrt(variance + 1 / baseline);
}

/** Takes the next value, which must be finite. @returns whether the average is outside its limits. The value after that begins anew. */
export function addToEwmaChart(chart: EwmaChart, value: number): boolean {
  if (chart.hasAlarmed) {
    chart.average = 0;
    chart.count = 0;
  }
  chart.average += chart.weight * (value - chart.average);
  chart.count++;
  chart.hasAlarmed = Math.abs(chart.average) > controlLimit(chart, chart.count);
  return chart.hasAlarmed;
}
