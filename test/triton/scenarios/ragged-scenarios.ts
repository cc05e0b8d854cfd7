import { floatRows, type Scenario } from "./scenario.ts";

const row = (...values: number[]) => [values];

/** Ragged batches: which requests share one, and what was generated for it. */
export const raggedScenarios: readonly Scenario[] = [
  {
    id: "ragged: three lengths in one batch",
    async play(player) {
      await player.together(
        ["1: three", floatRows("ragged", row(1, 2, 3))],
        ["2: five", floatRows("ragged", row(1, 2, 3, 4, 5))],
        ["3: one", floatRows("ragged", row(9))],
      );
      await player.control("counters", "ModelStatistics", { name: "ragged" });
    },
  },
  {
    id: "ragged: refusals",
    async play(player) {
      await player.ask("five rows", floatRows("ragged", new Array(5).fill([1])));
      await player.ask("no batch dimension", floatRows("ragged", row(1, 2), { shape: [2] }));
      await player.ask("three dimensions", floatRows("ragged", row(1, 2), { shape: [1, 1, 2] }));
      await player.ask("generated input given", {
        ...floatRows("ragged", row(1, 2)),
        inputs: [
          { name: "X", datatype: "FP32", shape: [1, 2] },
          { name: "COUNT_IN", datatype: "INT64", shape: [1, 1] },
        ],
        raw_input_contents: [Buffer.alloc(8), Buffer.alloc(8)],
      });
    },
  },
  {
    id: "ragged: what is told and counted",
    async play(player) {
      await player.control("metadata", "ModelMetadata", { name: "ragged" });
      await player.control("config", "ModelConfig", { name: "ragged" });
    },
  },
];
