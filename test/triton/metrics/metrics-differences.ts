import type { Counts } from "./metrics-scenario.ts";

/** Where the counters differ on purpose, by the step after which they do. */
export interface CountDifference {
  /** Names it in docs/compatibility.md. */
  readonly id: string;
  readonly what: string;
  readonly reason: string;
  readonly steps: readonly string[];
  /** What sluice shows where Triton shows this. */
  expected(triton: Counts): Counts;
}

const added = (counts: Counts, more: Counts): Counts => ({
  ...counts,
  ...Object.fromEntries(Object.entries(more).map(([key, count]) => [key, (counts[key] ?? 0) + count])),
});

/** What differs, in the order of the steps. */
export const countDifferences: readonly CountDifference[] = [
  {
    id: "metrics-refused",
    what: "`nv_inference_request_failure` counts requests that the model refuses: a full queue as REJECTED, what does not fit the model as OTHER. Triton counts neither.",
    reason: "A server that refuses half of its requests should not look healthy.",
    steps: ["a request of a wrong shape", "a request for a version that is not there"],
    expected: (triton) => added(triton, { "request_failure OTHER": 1 }),
  },
  {
    id: "metrics-refused",
    what: "",
    reason: "",
    steps: ["one runs, three wait, one was too many", "all of them have ended"],
    expected: (triton) => added(triton, { "request_failure REJECTED": 1 }),
  },
  {
    id: "metrics-failed-run",
    what: "A run that fails counts as a failure of reason BACKEND and as no execution. Triton's Python backend, which answers with an error itself, counts a success.",
    reason: "The caller has no answer.",
    steps: ["a run that fails"],
    expected: (triton) =>
      added(triton, { request_success: -1, count: -1, exec_count: -1, "request_failure BACKEND": 1 }),
  },
  {
    id: "metrics-unloaded",
    what: "All series of a version vanish with its unload; Triton leaves those of `nv_inference_request_failure`.",
    reason: "What is not there has no failures.",
    steps: ["unloaded"],
    expected: () => ({}),
  },
];
