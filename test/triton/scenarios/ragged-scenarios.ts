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
    id: "ragged: shapes",
    async play(player) {
      const shaped = (values: number[], shape: number[]) => floatRows("ragged_shapes", [values], { shape });
      await player.together(
        ["1: two by three", shaped([1, 2, 3, 4, 5, 6], [1, 2, 3])],
        ["2: one by two", shaped([7, 8], [1, 1, 2])],
      );
      await player.together(["1: nothing", shaped([], [1, 0, 3])], ["2: three by one", shaped([7, 8, 9], [1, 3, 1])]);
      await player.control("counters", "ModelStatistics", { name: "ragged_shapes" });
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
      for (const name of ["ragged", "ragged_shapes"]) {
        await player.control(`metadata of ${name}`, "ModelMetadata", { name });
        await player.control(`config of ${name}`, "ModelConfig", { name });
      }
    },
  },
];
