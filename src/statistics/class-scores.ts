/** Which scores come with a predicted class: none, that of the positive one of two classes, or one for each class. */
export type ScoreKind = "none" | "positive" | "all";

/** What the scores of a row are about. */
export interface ScoreLayout {
  readonly classes: number;
  readonly scores: ScoreKind;
  /** Index of the positive class where there are two. */
  readonly positiveClass: number;
}

/** Softmax in 32-bit floats may come out this much above 1, and what is left of 1 as much below 0. */
const tolerance = 1e-5;

/** Scores of a row. */
export function scoreCount({ classes, scores }: ScoreLayout): number {
  return scores === "none" ? 0 : scores === "positive" ? 1 : classes;
}

/** Whether the scores of a row are probabilities, each by itself: logits and NaN are none. */
export function areProbabilities(scores: ArrayLike<number>, layout: ScoreLayout): boolean {
  const count = scoreCount(layout);
  for (let index = 0; index < count; index++) {
    const score = scores[index] ?? Number.NaN;
    if (!(score >= -tolerance && score <= 1 + tolerance)) return false;
  }
  return count > 0;
}

/** Whether a score of a row is a number that no probability can be: of logits, say. One that is missing (NaN) or infinite says nothing. */
export function hasStrayScore(scores: ArrayLike<number>, layout: ScoreLayout): boolean {
  const count = scoreCount(layout);
  for (let index = 0; index < count; index++) {
    const score = scores[index] ?? Number.NaN;
    if (Number.isFinite(score) && !(score >= -tolerance && score <= 1 + tolerance)) return true;
  }
  return false;
}

/** Of rows with scores, the share with a stray one above which none of them are taken for probabilities. */
const maxStrayShare = 0.01;

/**
 * Whether the scores of many rows are probabilities. Some rows of logits happen to lie within 0 and 1: numbers about those few would be wrong.
 * @param scored rows whose scores are probabilities, each by itself
 * @param stray rows with a score that none can be: {@link hasStrayScore}
 */
export function areMostlyProbabilities(scored: number, stray: number): boolean {
  return scored > 0 && stray <= maxStrayShare * (scored + stray);
}

/** The probability of one class of a row whose scores are probabilities. */
export function classProbability(scores: ArrayLike<number>, layout: ScoreLayout, classIndex: number): number {
  if (layout.scores === "all") return Math.min(1, Math.max(0, scores[classIndex] ?? 0));
  const positive = Math.min(1, Math.max(0, scores[0] ?? 0));
  return classIndex === layout.positiveClass ? positive : 1 - positive;
}

/** Brier's: two classes, (p - y)^2 of the positive one; more, the sum over all classes. */
export function squaredScoreError(scores: ArrayLike<number>, layout: ScoreLayout, actual: number): number {
  const { classes, positiveClass } = layout;
  if (classes === 2) return (classProbability(scores, layout, positiveClass) - (actual === positiveClass ? 1 : 0)) ** 2;
  let sum = 0;
  for (let index = 0; index < classes; index++) {
    sum += (classProbability(scores, layout, index) - (index === actual ? 1 : 0)) ** 2;
  }
  return sum;
}

/** Classes that score higher than the true one; of equal scores the higher index comes first, as in scikit-learn's sort. */
export function scoresAhead(scores: ArrayLike<number>, classes: number, actual: number): number {
  const score = scores[actual] ?? 0;
  let ahead = 0;
  for (let index = 0; index < classes; index++) {
    const other = scores[index] ?? 0;
    if (other > score || (other === score && index > actual)) ahead += 1;
  }
  return ahead;
}
