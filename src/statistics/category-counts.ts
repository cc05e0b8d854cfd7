/** A category: a text, or an integer that fits a double. */
export type CategoryValue = string | number;

/** Most categories that are told apart; the others are counted together. */
export const maxCategories = 1000;

/** How often each of several known values occurred. State and algebra over it. */
export interface CategoryCounts {
  /** Known values in a fixed order and their place; shared, never changed. */
  readonly places: ReadonlyMap<CategoryValue, number>;
  /** One for each known value, then all other values together, then the missing ones. */
  readonly counts: Float64Array;
}

/** Place of a value among known ones. A Map, because clients send the values. */
export function placesOf(values: readonly CategoryValue[]): ReadonlyMap<CategoryValue, number> {
  return new Map(values.map((value, i) => [value, i]));
}

/** Empty counts. @param places kept, not copied */
export function createCategoryCounts(places: ReadonlyMap<CategoryValue, number>): CategoryCounts {
  return { places, counts: new Float64Array(places.size + 2) };
}

/** Counts one value; undefined, an empty text and NaN are missing ones. */
export function recordCategory({ places, counts }: CategoryCounts, value: CategoryValue | undefined): void {
  const isMissing = value === undefined || value === "" || Number.isNaN(value);
  const place = isMissing ? places.size + 1 : (places.get(value) ?? places.size);
  counts[place] = (counts[place] as number) + 1; // every place is below length
}

/** How many values were none of the known ones. */
export function otherCategories({ places, counts }: CategoryCounts): number {
  return counts[places.size] as number; // behind the known ones
}

/** How many values were missing. */
export function missingCategories({ places, counts }: CategoryCounts): number {
  return counts[places.size + 1] as number; // the last one
}

/** Adds what others with the same places have counted. */
export function mergeCategoryCounts(into: CategoryCounts, from: CategoryCounts): void {
  for (let i = 0; i < into.counts.length; i++) into.counts[i] = (into.counts[i] as number) + (from.counts[i] as number); // as many in both
}

/** Takes away what was merged before. */
export function subtractCategoryCounts(from: CategoryCounts, what: CategoryCounts): void {
  for (let i = 0; i < from.counts.length; i++) from.counts[i] = (from.counts[i] as number) - (what.counts[i] as number); // as many in both
}
