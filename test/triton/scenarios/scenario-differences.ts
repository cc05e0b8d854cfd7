import { isDeepStrictEqual } from "node:util";
import type { Difference, Item } from "../comparison.ts";
import type { Plain } from "../messages.ts";

/** Counters without those of single answers. */
function withoutAnswers({ response }: Item): Plain | undefined {
  const stats = response?.model_stats;
  if (!Array.isArray(stats)) return undefined;
  return stats.map(({ response_stats: _, ...rest }: Plain) => rest);
}

/** What sluice does otherwise on purpose in scenarios, beside the differences in single answers. */
export const scenarioDifferences: readonly Difference[] = [
  {
    id: "answer-counters",
    what: "ModelStatistics counts the answers of a decoupled model by their place (`response_stats`); the run counts to the first.",
    reason: "Triton leaves that to its backends, and its Python backend, which is compared here, does not count them.",
    explains: (_name, theirs, ours) =>
      withoutAnswers(theirs) !== undefined && isDeepStrictEqual(withoutAnswers(theirs), withoutAnswers(ours)),
  },
];
