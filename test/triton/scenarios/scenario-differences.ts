import { isDeepStrictEqual } from "node:util";
import type { Difference, Item } from "../comparison.ts";
import type { Plain } from "../messages.ts";

/** Counters without those of single answers. */
function withoutAnswers({ response }: Item): Plain | undefined {
  const stats = response?.model_stats;
  if (!Array.isArray(stats)) return undefined;
  return stats.map(({ response_stats: _, ...rest }: Plain) => rest);
}

/** Counters without the sizes of batches. */
function withoutBatchSizes({ response }: Item): Plain | undefined {
  const stats = response?.model_stats;
  return Array.isArray(stats) ? stats.map(({ batch_stats: _, ...rest }: Plain) => rest) : undefined;
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
  {
    id: "slots-counted",
    what: "The sizes in `batch_stats` of a model with a sequence batcher are numbers of requests.",
    reason: "Triton also counts the empty slots that it runs in front of them, while its inference_count does not.",
    explains: (name, theirs, ours) =>
      name.startsWith("sequence: ") &&
      withoutBatchSizes(theirs) !== undefined &&
      isDeepStrictEqual(withoutBatchSizes(theirs), withoutBatchSizes(ours)),
  },
  {
    id: "sequence-id-kind",
    what: "A number as id for a model whose correlation control is a text, or the reverse, is refused as such, before anything else about the sequence; no id counts as the number 0.",
    reason: "Later versions of Triton do so. Triton 2.51 hands the model the bytes of the wrong kind.",
    explains: (name, theirs, ours) =>
      name.startsWith("sequence: texts") &&
      theirs.code === ours.code &&
      theirs.message !== "" &&
      /sequence batching control 'ID' data-type is 'UINT64', but model 'texts' expects 'BYTES'/.test(ours.message),
  },
];
