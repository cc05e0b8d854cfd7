import { createRandomSource, type RandomSource } from "./random.ts";

/**
 * Half-space trees (Tan, Ting and Liu, "Fast anomaly detection for streaming data", 2011), scored as River does: trees that cut the space at random,
 * and count how many rows of the latest full window lie in each part. A row is unusual that lies where few lay. Memory and the cost of a row are
 * the same for ever: 10 trees of height 8 are 10 * 9 steps and 45 KB.
 */

/** What trees are made with. */
export interface HalfSpaceTreesOptions {
  /** Where the numbers of a row lie, one for each: the trees cut within, and half as far again on either side. */
  readonly minimums: ArrayLike<number>;
  readonly maximums: ArrayLike<number>;
  readonly seed: number;
  /** Default: 10. */
  readonly trees?: number;
  /** Cuts between the root of a tree and its leaves. Default: 8. */
  readonly height?: number;
  /** Rows of a window, at most 65,535. Default: 250. */
  readonly window?: number;
}

/** State of trees. Node i of a tree has the children 2 i + 1 and 2 i + 2; trees lie behind one another. */
export interface HalfSpaceTrees {
  readonly trees: number;
  readonly height: number;
  readonly window: number;
  /** Nodes of a tree that cut, and all of them. */
  readonly inner: number;
  readonly nodes: number;
  /** By inner node: the number of a row that it looks at, and where it cuts. */
  readonly features: Uint16Array;
  readonly cuts: Float64Array;
  /** By node: rows of the latest full window, and of the one that is being filled. */
  readonly masses: Uint16Array;
  readonly latest: Uint16Array;
  /** Rows in the window that is being filled. */
  count: number;
  /** A window is full, so rows have scores. */
  isReady: boolean;
}

/** Cuts keep away from the borders of a part by this share of it. */
const padding = 0.15;
/** What the space extends beyond the range of its numbers, as a share of it, on either side. */
const margin = 0.5;
/** A part with fewer rows than this share of the window is not looked at more closely. */
const smallShare = 0.1;

/** Trees that have seen nothing. */
export function createHalfSpaceTrees(options: HalfSpaceTreesOptions): HalfSpaceTrees {
  const { minimums, maximums, seed, trees = 10, height = 8, window = 250 } = options;
  const inner = 2 ** height - 1;
  const nodes = 2 * inner + 1;
  const state: HalfSpaceTrees = {
    trees,
    height,
    window,
    inner,
    nodes,
    features: new Uint16Array(trees * inner),
    cuts: new Float64Array(trees * inner),
    masses: new Uint16Array(trees * nodes),
    latest: new Uint16Array(trees * nodes),
    count: 0,
    isReady: false,
  };
  const random = createRandomSource(seed);
  const low = Float64Array.from(minimums);
  const high = Float64Array.from(maximums);
  for (let i = 0; i < low.length; i++) widen(low, high, i);
  for (let tree = 0; tree < trees; tree++) plant(state, tree * inner, 0, { low, high, random });
  return state;
}

function widen(low: Float64Array, high: Float64Array, i: number): void {
  const [from, to] = [low[i] as number, high[i] as number];
  const range = to > from ? to - from : Math.max(1, Math.abs(from));
  low[i] = from - margin * range;
  high[i] = to + margin * range;
}

interface Part {
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly random: RandomSource;
}

/** Cuts a part of the space at a node, then both halves below it. */
function plant(state: HalfSpaceTrees, firstNode: number, node: number, part: Part): void {
  if (node >= state.inner) return;
  const { low, high, random } = part;
  const feature = Math.floor(random() * low.length);
  const [from, to] = [low[feature] as number, high[feature] as number];
  const cut = from + (to - from) * (padding + random() * (1 - 2 * padding));
  state.features[firstNode + node] = feature;
  state.cuts[firstNode + node] = cut;
  high[feature] = cut;
  plant(state, firstNode, 2 * node + 1, part);
  high[feature] = to;
  low[feature] = cut;
  plant(state, firstNode, 2 * node + 2, part);
  low[feature] = from;
}

/**
 * How unusual a row is: 0 (as usual as can be) to 1; 0 for all rows until a window is full. Infinite numbers lie at the border of the space; for
 * a missing one (NaN) a tree goes on where more rows lay.
 */
export function halfSpaceScore(state: HalfSpaceTrees, row: ArrayLike<number>, offset = 0): number {
  if (!state.isReady) return 0;
  const { trees, window, masses, nodes, inner } = state;
  const smallMass = smallShare * window;
  let score = 0;
  for (let tree = 0; tree < trees; tree++) {
    const first = tree * nodes;
    let weight = 1;
    for (let node = 0; ; weight *= 2) {
      const mass = masses[first + node] as number;
      score += mass * weight;
      if (mass < smallMass || node >= inner) break;
      node = childOf(state, tree, node, row, offset);
    }
  }
  return 1 - score / (trees * window * nodes);
}

/** Learns from a row. The trees score by it once the window that it belongs to is full. */
export function learnRow(state: HalfSpaceTrees, row: ArrayLike<number>, offset = 0): void {
  const { trees, window, masses, latest, nodes, inner } = state;
  for (let tree = 0; tree < trees; tree++) {
    const first = tree * nodes;
    for (let node = 0; ; ) {
      latest[first + node] = (latest[first + node] as number) + 1;
      if (node >= inner) break;
      node = childOf(state, tree, node, row, offset);
    }
  }
  if (++state.count < window) return;
  masses.set(latest);
  latest.fill(0);
  state.count = 0;
  state.isReady = true;
}

function childOf(state: HalfSpaceTrees, tree: number, node: number, row: ArrayLike<number>, offset: number): number {
  const { inner, nodes, features, cuts, masses } = state;
  const at = tree * inner + node;
  const value = row[offset + (features[at] as number)] as number;
  const cut = cuts[at] as number;
  const left = 2 * node + 1;
  if (value < cut) return left;
  if (value >= cut) return left + 1;
  const mass = tree * nodes + left; // the number is missing
  return (masses[mass + 1] as number) > (masses[mass] as number) ? left + 1 : left;
}
