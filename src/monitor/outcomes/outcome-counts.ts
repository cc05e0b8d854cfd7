import { type OutcomeStatus, outcomeStatuses } from "../../outcome.ts";

/** How many outcomes had each status, by its place in {@link outcomeStatuses}. */
export type OutcomeCounts = Float64Array;

/** None of any status. */
export function createOutcomeCounts(): OutcomeCounts {
  return new Float64Array(outcomeStatuses.length);
}

/** One more of a status. */
export function addOutcome(counts: OutcomeCounts, status: OutcomeStatus): void {
  const index = outcomeStatuses.indexOf(status);
  counts[index] = (counts[index] ?? 0) + 1;
}

/** The statuses that there were, with how many. */
export function presentCounts(counts: OutcomeCounts): { status: OutcomeStatus; count: number }[] {
  return outcomeStatuses
    .map((status, index) => ({ status, count: counts[index] ?? 0 }))
    .filter(({ count }) => count > 0);
}
