/** Two series of measurements, taken in alternation. */
export interface Pairs<A, B> {
  readonly tested: readonly A[];
  readonly limit: readonly B[];
}

/**
 * Measures in turns, each pair in the other order than the one before, so that whatever else the machine does falls on both sides. One pair more
 * is run first and thrown away: compilers and caches are cold in it.
 */
export async function alternate<A, B>(
  pairs: number,
  tested: () => Promise<A>,
  limit: () => Promise<B>,
): Promise<Pairs<A, B>> {
  const found: { tested: A[]; limit: B[] } = { tested: [], limit: [] };
  for (let pair = -1; pair < pairs; pair++) {
    let a: A;
    let b: B;
    if (pair % 2 === 0) [a, b] = [await tested(), await limit()];
    else {
      b = await limit();
      a = await tested();
    }
    if (pair < 0) continue;
    found.tested.push(a);
    found.limit.push(b);
  }
  return found;
}

/** One number of each pair, from its two measurements. */
export function combine<A, B>({ tested, limit }: Pairs<A, B>, of: (tested: A, limit: B) => number): number[] {
  return tested.map((value, index) => of(value, limit[index]!));
}
