import { floatRows, type Scenario } from "./scenario.ts";

const asked = { triton_enable_empty_final_response: { bool_param: true } };
const row = (...values: number[]) => [values];

/** Decoupled models: how many answers, which is final, in which order, and what is counted. */
export const decoupledScenarios: readonly Scenario[] = [
  {
    id: "decoupled: several answers",
    async play(player) {
      const stream = player.stream("s");
      stream.send(floatRows("pieces", row(1, 2, 3, 4, 5), { id: "five" }));
      await stream.heard(3);
      stream.send(floatRows("pieces", row(1, 2), { id: "two" }));
      await stream.heard(4);
      stream.send(
        floatRows(
          "pieces",
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          { id: "rows" },
        ),
      );
      await stream.heard(6);
      stream.send(floatRows("pieces", row(1, 2, 3), { id: "asked", parameters: asked }));
      await stream.heard(8);
      stream.send(
        floatRows(
          "rows",
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
          { id: "by row" },
        ),
      );
      await stream.heard(11);
      stream.send({ ...floatRows("pieces", row(1, 2, 3), { id: "one output" }), outputs: [{ name: "NEGATED" }] });
      await stream.end();
    },
  },
  {
    id: "decoupled: no answers",
    async play(player) {
      const stream = player.stream("s");
      stream.send(floatRows("pieces", [[]], { id: "silent" }));
      await player.pause(200);
      stream.send(floatRows("pieces", [[]], { id: "told", parameters: asked }));
      await stream.heard(1);
      stream.send({
        ...floatRows("pieces", [[]], { id: "told, version given", parameters: asked }),
        model_version: "1",
      });
      await stream.heard(2);
      stream.send(floatRows("pieces", [[]], { parameters: asked }));
      await stream.end();
    },
  },
  {
    id: "decoupled: one answer",
    async play(player) {
      const stream = player.stream("s");
      stream.send(floatRows("once", row(1, 2), { id: "plain" }));
      await stream.heard(1);
      stream.send(floatRows("once", row(1, 2), { id: "asked", parameters: asked }));
      await stream.end();
    },
  },
  {
    id: "decoupled: unary",
    async play(player) {
      await player.ask("good", floatRows("pieces", row(1, 2)));
      await player.ask("wrong shape", floatRows("pieces", row(1, 2), { shape: [2] }));
      await player.ask("unknown version", { ...floatRows("pieces", row(1, 2)), model_version: "7" });
      await player.ask("wrong input", { ...floatRows("pieces", row(1, 2)), inputs: [] });
      await player.ask(
        "reserved parameter",
        floatRows("pieces", row(1, 2), { parameters: { triton_x: { bool_param: true } } }),
      );
    },
  },
  {
    id: "decoupled: refused requests",
    async play(player) {
      const stream = player.stream("s");
      stream.send(floatRows("pieces", row(1, 2), { id: "shape", shape: [2] }));
      await stream.heard(1);
      stream.send(floatRows("pieces", row(1, 2, 3, 4, 5).concat(new Array(4).fill([1, 2, 3, 4, 5])), { id: "rows" }));
      await stream.heard(2);
      stream.send({
        ...floatRows("pieces", row(1, 2), { id: "name" }),
        inputs: [{ name: "Z", datatype: "FP32", shape: [1, 2] }],
      });
      await stream.heard(3);
      stream.send({ ...floatRows("pieces", row(1, 2), { id: "output" }), outputs: [{ name: "Z" }] });
      await stream.heard(4);
      stream.send({ ...floatRows("pieces", row(1, 2), { id: "version" }), model_version: "7" });
      await stream.heard(5);
      stream.send(
        floatRows("pieces", row(1, 2), {
          id: "flag",
          parameters: { triton_enable_empty_final_response: { int64_param: 1 } },
        }),
      );
      await stream.heard(6);
      stream.send(floatRows("pieces", row(1, 2), { id: "good" }));
      await stream.end();
    },
  },
  {
    id: "decoupled: beside others",
    async play(player) {
      const stream = player.stream("s");
      stream.send(
        floatRows("whole", row(1, 2), { id: "first" }),
        floatRows("whole", row(1, 2), { id: "second" }),
        floatRows("none", row(1, 2), { id: "unknown" }),
      );
      await stream.heard(3);
      stream.send(slow("slow"));
      await player.pause(100);
      stream.send(floatRows("pieces", row(1, 2, 3), { id: "overtakes" }));
      await stream.heard(5);
      stream.send(
        floatRows("whole", row(1, 2), { id: "waits" }),
        floatRows("pieces", row(1, 2), { id: "overtakes though refused", shape: [2] }),
      );
      await stream.heard(6);
      stream.send(floatRows("none", row(1, 2), { id: "unknown" }));
      await stream.end();
    },
  },
  {
    id: "decoupled: what is counted",
    async play(player) {
      for (const name of ["pieces", "rows", "once"]) {
        await player.control(`metadata of ${name}`, "ModelMetadata", { name });
        await player.control(`config of ${name}`, "ModelConfig", { name });
        await player.control(`counters of ${name}`, "ModelStatistics", { name });
      }
    },
  },
];

function slow(id: string) {
  const data = Buffer.alloc(8);
  data.writeInt32LE(300_000);
  return {
    model_name: "slow",
    id,
    inputs: [{ name: "iterations", datatype: "INT64", shape: [1, 1] }],
    raw_input_contents: [data],
  };
}
