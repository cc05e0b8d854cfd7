import { toTimestamp } from "../../../model/package-messages.ts";
import type { QualityPoint } from "../../monitor-report.ts";
import type { Block } from "../block-ring.ts";
import { headlineEstimates } from "./estimate-metrics.ts";
import type { QualityBlock } from "./quality-blocks.ts";
import { type QualitySources, toMetric } from "./quality-evaluation.ts";
import type { SeenPredictions } from "./seen-predictions.ts";

/** Most intervals of a history. */
export const maxHistoryPoints = 120;

type HistoryBlock<Judged> = Block<QualityBlock<Judged, SeenPredictions>>;

/** A point and what it was worked out from. */
interface KnownPoint {
  /** Blocks and their revisions. */
  readonly stamp: string;
  /** Undefined: there is nothing to tell. */
  readonly point: QualityPoint | undefined;
}

/**
 * Quality over time: of single blocks, or of as many together as keep the points few. Points are kept until their blocks change, so that
 * asking often costs little.
 */
export class QualityHistory<Judged> {
  readonly #sources: QualitySources<Judged>;
  /** By their end. */
  #points = new Map<number, KnownPoint>();

  constructor(sources: QualitySources<Judged>) {
    this.#sources = sources;
  }

  /**
   * The points, oldest first. They reach as far back behind the labels as those are late.
   * @param fromMs beginning of the window whose truth is known; undefined: there is none
   */
  points(fromMs: number | undefined, nowMs: number): readonly QualityPoint[] {
    const { blockMs, blocks } = this.#sources.blocks.since(2 * (fromMs ?? nowMs) - nowMs, nowMs, maxHistoryPoints);
    const [oldest] = blocks;
    if (oldest === undefined) return [];
    const pointMs = blockMs * Math.max(1, Math.ceil((nowMs - oldest.startMs) / blockMs / maxHistoryPoints));
    const groups = Map.groupBy(blocks, ({ startMs }) => (Math.floor(startMs / pointMs) + 1) * pointMs);
    const known = this.#points;
    this.#points = new Map();
    for (const [endMs, group] of groups) {
      const stamp = `${pointMs} ${group.map(({ state }) => state.revision).join(" ")}`;
      const before = known.get(endMs);
      const isSame = before?.stamp === stamp;
      this.#points.set(endMs, isSame ? before : { stamp, point: pointOf(this.#sources, endMs, group) });
    }
    return [...this.#points.values()].flatMap(({ point }) => point ?? []);
  }
}

function pointOf<Judged>(
  sources: QualitySources<Judged>,
  endMs: number,
  group: readonly HistoryBlock<Judged>[],
): QualityPoint | undefined {
  const judged = together(group, ({ judged: state }) => state, sources.measure);
  const seen = sources.watch && together(group, ({ seen: state }) => state, sources.watch);
  const metrics = judged === undefined ? [] : sources.measure.headline(judged);
  const estimates = seen === undefined ? [] : headlineEstimates(seen);
  if (metrics.length + estimates.length === 0) return undefined;
  return {
    at: toTimestamp(endMs),
    metrics: metrics.map((metric) => toMetric(metric)),
    estimates: estimates.map((metric) => toMetric(metric)),
  };
}

/** What blocks hold together; a single one as it is, without a copy. */
function together<Judged, State>(
  group: readonly HistoryBlock<Judged>[],
  of: (block: QualityBlock<Judged, SeenPredictions>) => State | undefined,
  algebra: { create(): State; merge(target: State, source: State): void },
): State | undefined {
  const states = group.flatMap(({ state }) => of(state) ?? []);
  if (states.length <= 1) return states[0];
  const merged = algebra.create();
  for (const state of states) algebra.merge(merged, state);
  return merged;
}
