import type { Draft } from "../drafts.ts";
import { floatRows, type InSequence, type Scenario, sequenceParameters } from "./scenario.ts";

const step = (model: string, value: number, sequence: InSequence) =>
  floatRows(model, [[value]], { parameters: sequenceParameters(sequence) });
const pair = (model: string, values: [number, number], sequence: InSequence) =>
  floatRows(model, [values], { parameters: sequenceParameters(sequence) });

/** A request that looks something up. */
function at(index: number, sequence: InSequence): Draft {
  const data = Buffer.alloc(8);
  data.writeInt32LE(index);
  const inputs = [{ name: "X", datatype: "INT64", shape: [1, 1] }];
  return { model_name: "fragile", inputs, raw_input_contents: [data], parameters: sequenceParameters(sequence) };
}

/** One sequence from start to end. */
const life = (model: string): Scenario => ({
  id: `sequence: ${model}, one life`,
  async play(player) {
    const id = 7;
    await player.ask("start", step(model, 1, { id, start: true }));
    await player.ask("middle", step(model, 2, { id }));
    await player.ask("flags written out", step(model, 3, { id, start: false, end: false }));
    await player.ask("end", step(model, 4, { id, end: true }));
    await player.ask("after the end", step(model, 5, { id }));
    await player.ask("start again", step(model, 6, { id, start: true }));
    await player.ask("end again", step(model, 7, { id, end: true }));
    await player.ask("start and end", step(model, 8, { id, start: true, end: true }));
    await player.ask("after that", step(model, 9, { id, end: true }));
  },
});

/** What is no good request of a sequence. */
const refusals = (model: string): Scenario => ({
  id: `sequence: ${model}, refusals`,
  async play(player) {
    await player.ask("no start", step(model, 1, { id: 31 }));
    await player.ask("end without start", step(model, 1, { id: 31, end: true }));
    await player.ask("id 0", step(model, 1, { id: 0, start: true }));
    await player.ask("empty id", step(model, 1, { id: "", start: true }));
    await player.ask("no id", floatRows(model, [[1]]));
    await player.ask("no id, start", floatRows(model, [[1]], { parameters: { sequence_start: { bool_param: true } } }));
    await player.ask(
      "two rows",
      floatRows(model, [[1], [2]], { parameters: sequenceParameters({ id: 32, start: true }) }),
    );
    await player.ask(
      "wrong shape",
      floatRows(model, [[1, 2]], { parameters: sequenceParameters({ id: 32, start: true }) }),
    );
    await player.ask("good", step(model, 1, { id: 33, start: true, end: true }));
    await player.ask("negative id", step(model, 1, { id: -5, start: true, end: true }));
    await player.ask(
      "id of another type",
      floatRows(model, [[1]], {
        parameters: { sequence_id: { bool_param: true }, sequence_start: { bool_param: true } },
      }),
    );
    await player.ask("control given by the caller", {
      ...step(model, 1, { id: 34, start: true, end: true }),
      inputs: [
        { name: "X", datatype: "FP32", shape: [1, 1] },
        { name: "START", datatype: "FP32", shape: [1, 1] },
      ],
      raw_input_contents: [Buffer.alloc(4), Buffer.alloc(4)],
    });
    await player.ask("good after all that", step(model, 1, { id: 35, start: true, end: true }));
  },
});

/** A start on an id that runs. */
const restart = (model: string): Scenario => ({
  id: `sequence: ${model}, a start on a running id`,
  async play(player) {
    await player.ask("start", step(model, 1, { id: 41, start: true }));
    await player.ask("middle", step(model, 2, { id: 41 }));
    await player.ask("start again", step(model, 3, { id: 41, start: true }));
    await player.ask("middle again", step(model, 4, { id: 41 }));
    await player.ask("end", step(model, 5, { id: 41, end: true }));
    await player.ask("after the end", step(model, 6, { id: 41 }));
  },
});

/** Sequences, scheduling and state. */
export const sequenceScenarios: readonly Scenario[] = [
  ...["direct", "oldest"].map(life),
  ...["direct", "oldest"].map(refusals),
  {
    id: "sequence: texts, refusals",
    async play(player) {
      await player.ask("no start", step("texts", 1, { id: "seven" }));
      await player.ask("no start, number", step("texts", 1, { id: 31 }));
      await player.ask("id 0", step("texts", 1, { id: 0, start: true }));
      await player.ask("empty id", step("texts", 1, { id: "", start: true }));
    },
  },
  ...["direct", "oldest"].map(restart),
  {
    id: "sequence: direct, slots",
    async play(player) {
      for (const id of [51, 52, 53]) await player.ask(`start ${id}`, step("direct", id, { id, start: true }));
      for (const id of [53, 51, 52]) await player.ask(`middle ${id}`, step("direct", id, { id }));
      await player.ask("end 52", step("direct", 52, { id: 52, end: true }));
      await player.ask("53 after a gap", step("direct", 53, { id: 53 }));
      await player.ask("54 takes the gap", step("direct", 54, { id: 54, start: true }));
      for (const id of [51, 53, 54]) await player.ask(`end ${id}`, step("direct", id, { id, end: true }));
    },
  },
  {
    id: "sequence: direct, backlog",
    async play(player) {
      for (const id of [61, 62, 63, 64]) await player.ask(`start ${id}`, step("direct", id, { id, start: true }));
      await player.start("65 waits", step("direct", 65, { id: 65, start: true }));
      await player.start("65 waits, second", step("direct", 65, { id: 65 }));
      await player.start("66 waits", step("direct", 66, { id: 66, start: true, end: true }));
      await player.ask("62 goes on", step("direct", 62, { id: 62 }));
      await player.ask("end 62", step("direct", 62, { id: 62, end: true }));
      await player.pause(200);
      await player.ask("65 ends", step("direct", 65, { id: 65, end: true }));
      await player.settle();
      for (const id of [61, 63, 64]) await player.ask(`end ${id}`, step("direct", id, { id, end: true }));
    },
  },
  {
    id: "sequence: together, full slots",
    async play(player) {
      await player.together(
        ["start 71", step("together", 71, { id: 71, start: true })],
        ["start 72", step("together", 72, { id: 72, start: true })],
      );
      await player.together(
        ["middle 72", step("together", 72, { id: 72 })],
        ["end 71", step("together", 71, { id: 71, end: true })],
      );
      await player.together(
        ["end 72", step("together", 72, { id: 72, end: true })],
        ["start 73", step("together", 73, { id: 73, start: true, end: true })],
      );
    },
  },
  {
    id: "sequence: oldest, candidates",
    async play(player) {
      for (const id of [81, 82]) await player.ask(`start ${id}`, step("oldest", id, { id, start: true }));
      await player.start("83 waits", step("oldest", 83, { id: 83, start: true }));
      await player.ask("81 goes on", step("oldest", 81, { id: 81 }));
      await player.ask("end 81", step("oldest", 81, { id: 81, end: true }));
      await player.settle();
      for (const id of [82, 83]) await player.ask(`end ${id}`, step("oldest", id, { id, end: true }));
    },
  },
  {
    id: "sequence: single, idle",
    async play(player) {
      await player.ask("start 91", step("single", 91, { id: 91, start: true }));
      await player.pause(200);
      await player.ask("91 goes on in time", step("single", 91, { id: 91 }));
      await player.pause(2_500);
      await player.ask("91 comes late", step("single", 91, { id: 91 }));
      await player.ask("start 92", step("single", 92, { id: 92, start: true }));
      await player.start("93 gets the slot of the idle one", step("single", 93, { id: 93, start: true, end: true }));
      await player.settle();
      await player.ask("92 comes late", step("single", 92, { id: 92 }));
    },
  },
  {
    id: "sequence: in a stream",
    async play(player) {
      const stream = player.stream("s");
      const messages: [string, InSequence][] = [
        ["a1", { id: 101, start: true }],
        ["b1", { id: 102, start: true }],
        ["a2", { id: 101 }],
        ["none", { id: 109 }],
        ["b2", { id: 102, end: true }],
        ["a3", { id: 101, end: true }],
        ["a4", { id: 101 }],
      ];
      for (const [i, [id, sequence]] of messages.entries()) {
        stream.send({ ...step("direct", i, sequence), id });
        await stream.heard(i + 1);
      }
      await stream.end();
    },
  },
  {
    id: "sequence: in a stream, all at once",
    async play(player) {
      const stream = player.stream("s");
      const messages: InSequence[] = [
        { id: 105, start: true },
        { id: 105 },
        { id: 105 },
        { id: 105, end: true },
        { id: 105 },
      ];
      stream.send(...messages.map((sequence, i) => ({ ...step("single", i, sequence), id: `m${i}` })));
      await stream.end();
    },
  },
  {
    id: "sequence: a stream that is cancelled",
    async play(player) {
      const stream = player.stream("s");
      stream.send(step("direct", 1, { id: 111, start: true }));
      await stream.heard(1);
      await stream.cancel();
      await player.pause(200);
      await player.ask("goes on elsewhere", step("direct", 2, { id: 111, end: true }));
    },
  },
  {
    id: "sequence: single, a start that is cancelled while it waits",
    async play(player) {
      await player.ask("start 121", step("single", 1, { id: 121, start: true }));
      const stream = player.stream("s");
      stream.send(step("single", 2, { id: 122, start: true }), step("single", 3, { id: 122 }));
      await player.pause(100);
      await stream.cancel();
      await player.ask("end 121", step("single", 4, { id: 121, end: true }));
      await player.pause(200);
      await player.ask("122 goes on", step("single", 5, { id: 122 }));
      await player.ask("123", step("single", 6, { id: 123, start: true, end: true }));
    },
  },
  {
    id: "sequence: two instances",
    async play(player) {
      const ids = [131, 132, 133, 134];
      for (const id of ids) await player.ask(`start ${id}`, step("two_instances", id, { id, start: true }));
      for (const id of ids) await player.ask(`middle ${id}`, step("two_instances", id, { id }));
      for (const id of ids.toReversed()) await player.ask(`end ${id}`, step("two_instances", id, { id, end: true }));
    },
  },
  {
    id: "sequence: fragile, a run that fails",
    async play(player) {
      await player.ask("fails: start", at(1, { id: 141, start: true }));
      await player.ask("fails: middle", at(2, { id: 141 }));
      await player.ask("fails: out of range", at(9, { id: 141 }));
      await player.ask("fails: goes on", at(0, { id: 141 }));
      await player.ask("fails: end out of range", at(9, { id: 141, end: true }));
      await player.ask("fails: after the end", at(0, { id: 141 }));
      await player.ask("fails: start out of range", at(9, { id: 142, start: true }));
      await player.ask("fails: after the failed start", at(0, { id: 142, end: true }));
    },
  },
  ...["sum_zero", "sum_file"].map(
    (model): Scenario => ({
      id: `sequence: ${model}`,
      async play(player) {
        await player.ask("start 1", pair(model, [1, 2], { id: 1, start: true }));
        await player.ask("start 2", pair(model, [100, 200], { id: 2, start: true }));
        await player.ask("middle 1", pair(model, [1, 2], { id: 1 }));
        await player.ask("middle 2", pair(model, [100, 200], { id: 2 }));
        await player.ask("start 1 again", pair(model, [3, 4], { id: 1, start: true }));
        await player.ask("end 1", pair(model, [3, 4], { id: 1, end: true }));
        await player.ask("end 2", pair(model, [100, 200], { id: 2, end: true }));
        await player.ask("start 2 again", pair(model, [5, 6], { id: 2, start: true, end: true }));
      },
    }),
  ),
  {
    id: "sequence: sum_alone",
    async play(player) {
      const alone = (values: [number, number], sequence: InSequence) =>
        floatRows("sum_alone", [values], { shape: [2], parameters: sequenceParameters(sequence) });
      await player.ask("start", alone([1, 2], { id: 1, start: true }));
      await player.ask("middle", alone([1, 2], { id: 1 }));
      await player.ask("end", alone([1, 2], { id: 1, end: true }));
      await player.ask("state asked for", {
        ...alone([1, 2], { id: 2, start: true, end: true }),
        outputs: [{ name: "NEXT" }],
      });
      await player.ask("state given", {
        ...alone([1, 2], { id: 3, start: true, end: true }),
        inputs: ["X", "STATE"].map((name) => ({ name, datatype: "FP32", shape: [2] })),
        raw_input_contents: [Buffer.alloc(8), Buffer.alloc(8)],
      });
    },
  },
  {
    id: "sequence: sum_pieces, decoupled",
    async play(player) {
      const stream = player.stream("s");
      const messages: InSequence[] = [{ id: 1, start: true }, { id: 1 }, { id: 1, end: true }];
      for (const [i, sequence] of messages.entries()) {
        stream.send({ ...pair("sum_pieces", [1, 2], sequence), id: `m${i}` });
        await stream.heard(2 * (i + 1));
      }
      stream.send({ ...pair("sum_pieces", [1, 2], { id: 1 }), id: "after the end" });
      await stream.end();
      await player.ask("unary", pair("sum_pieces", [1, 2], { id: 2, start: true }));
    },
  },
  {
    id: "sequence: parameters on a model without",
    async play(player) {
      await player.ask("start", floatRows("plain", [[1]], { parameters: sequenceParameters({ id: 1, start: true }) }));
      await player.ask("no start", floatRows("plain", [[1], [2]], { parameters: sequenceParameters({ id: 9 }) }));
      await player.ask("text", floatRows("plain", [[1]], { parameters: sequenceParameters({ id: "x", end: true }) }));
    },
  },
  {
    id: "sequence: what is told and counted",
    async play(player) {
      for (const name of ["direct", "oldest", "texts", "together", "single", "sum_zero", "sum_file", "sum_alone"]) {
        await player.control(`metadata of ${name}`, "ModelMetadata", { name });
        await player.control(`config of ${name}`, "ModelConfig", { name });
        await player.control(`counters of ${name}`, "ModelStatistics", { name });
      }
    },
  },
];
