import { type Draft, type FacedModel, faces, goodRequest } from "./drafts.ts";
import type { Call } from "./exchange.ts";
import { encodeRequest } from "./messages.ts";
import { type Mutation, mutations } from "./mutations.ts";
import { SeededRandom } from "./random.ts";

/** A call with a name that says what is in it. */
export interface Case {
  readonly id: string;
  readonly call: Call;
  /** The names of the messages of a stream. */
  readonly names?: readonly string[];
}

/** What ends the process of Triton 2.51: classes of a BYTES output, and no rows for a model whose rows are scalars. */
const endsTriton = (id: string) => /^text: .*\bclass (1|3|100)\b/.test(id) || id === "scalar_rows: shape first zero";

const seed = 20260731;
/** Messages of one stream. */
const streamLength = 8;

/** Which models each change is tried on: those where it means something. */
const always: readonly FacedModel[] = ["rows"];
const models: Readonly<Record<string, readonly FacedModel[]>> = {
  unchanged: Object.keys(faces) as FacedModel[],
  version: ["specific", "latest", "newest"],
  input: ["rows", "pair", "optional"],
  inputs: ["rows", "pair", "optional"],
  datatype: ["rows", "any", "text"],
  shape: ["rows", "whole", "any", "lengths", "text", "scalar", "scalar_rows", "reshaped"],
  rows: ["rows", "alone", "split", "lengths", "pair"],
  raw: ["rows", "pair", "whole", "text", "any", "types"],
  text: ["text"],
  typed: ["rows", "text", "any", "pair"],
  output: ["rows", "pair"],
  outputs: ["types"],
  class: ["ranked", "ranked_whole", "rows", "text"],
};

/** The first input of `types` takes the place of each of its inputs in turn. */
function typedForms(): [string, Draft][] {
  const fields = ["bool", "int", "int64", "uint", "uint64", "fp32", "fp64"];
  const items: Record<string, unknown> = {
    bool: true,
    int64: "-2",
    uint64: "18446744073709551615",
    fp32: 0.5,
    fp64: 0.25,
  };
  return faces.types.inputs.flatMap(([name], position) =>
    fields.map((field): [string, Draft] => {
      const draft = goodRequest("types", new SeededRandom(seed + position));
      draft.inputs = draft.inputs.map((input) =>
        input.name === name
          ? { ...input, shape: [2], contents: { [`${field}_contents`]: [items[field] ?? 200, items[field] ?? 70_000] } }
          : { ...input, contents: undefined as never },
      );
      // Typed and raw contents do not mix, so the other inputs become typed as well, FP16 empty.
      draft.inputs = draft.inputs.map((input) =>
        input.name === name ? input : { ...input, ...typedZeros(input.datatype) },
      );
      draft.raw_input_contents = [];
      return [`${field}_contents for ${name}`, draft];
    }),
  );
}

function typedZeros(datatype: string): { shape: number[]; contents: Record<string, unknown[]> } {
  if (datatype === "FP16") return { shape: [0], contents: {} };
  const field = datatype.startsWith("FP")
    ? `${datatype.toLowerCase()}_contents`
    : datatype === "BOOL"
      ? "bool_contents"
      : `${datatype.startsWith("U") ? "uint" : "int"}${datatype.endsWith("64") ? "64" : ""}_contents`;
  return { shape: [1], contents: { [field]: [0] } };
}

function mutated(model: FacedModel, changes: readonly Mutation[], random: SeededRandom, id: string): Draft {
  const draft = goodRequest(model, random, id);
  for (const change of changes) change(draft);
  return draft;
}

/** All requests by name: every change alone, then pairs of changes and good requests at random. */
export function drafts(): [id: string, draft: Draft][] {
  const random = new SeededRandom(seed);
  const all: [string, Draft][] = [];
  for (const [name, change] of Object.entries(mutations)) {
    const [kind = ""] = name.split(" ");
    for (const model of models[kind] ?? always) {
      all.push([`${model}: ${name}`, mutated(model, [change], random, random.below(3) === 0 ? "" : "r7")]);
    }
  }
  for (const [name, draft] of typedForms()) all.push([`types: ${name}`, draft]);
  const names = Object.keys(mutations);
  for (let i = 0; i < 60; i++) {
    const model = random.pick(Object.keys(faces) as FacedModel[]);
    all.push([`${model}: good ${i}`, goodRequest(model, random, `g${i}`)]);
  }
  for (let i = 0; i < 120; i++) {
    const model = random.pick(["rows", "pair", "text", "any", "ranked", "split"] as const);
    const chosen = [random.pick(names), random.pick(names)];
    all.push([
      `${model}: ${chosen.join(" + ")}`,
      mutated(
        model,
        chosen.map((name) => mutations[name]!),
        random,
        "p",
      ),
    ]);
  }
  for (const [name, index] of [
    ["fails: in range", 3],
    ["fails: out of range", 9],
  ] as const) {
    const data = Buffer.alloc(8);
    data.writeInt32LE(index);
    const input = { name: "index", datatype: "INT64", shape: [1, 1] };
    all.push([name, { model_name: "fails", id: "f", inputs: [input], raw_input_contents: [data] }]);
  }
  return [...new Map(all)].filter(([id]) => !endsTriton(id));
}

/** What is no ModelInferRequest at all, by name. */
function undecodable(): [string, Buffer][] {
  const good = encodeRequest("ModelInfer", goodRequest("rows", new SeededRandom(1)));
  return [
    ["empty message", Buffer.alloc(0)],
    ["cut message", good.subarray(0, good.length - 3)],
    ["bad tag", Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ["bad UTF-8 in the model name", Buffer.from([0x0a, 0x01, 0xff])],
    ["unknown field", Buffer.concat([good, Buffer.from([0xfa, 0x07, 0x01, 0x41])])],
    ["name given twice", Buffer.concat([Buffer.from([0x0a, 0x01, 0x41]), good])],
  ];
}

/** Every request alone by ModelInfer, then all in streams. */
export function inferenceCases(): Case[] {
  const messages: [string, Buffer][] = [
    ...drafts().map(([id, draft]): [string, Buffer] => [id, encodeRequest("ModelInfer", draft)]),
    ...undecodable(),
  ];
  const unary = messages.map(([id, request]) => ({ id, call: { method: "ModelInfer", requests: [request] } }));
  const inStreams = messages.filter(
    ([, request]) =>
      !undecodable()
        .slice(1, 4)
        .some(([, bad]) => bad.equals(request)),
  );
  const streams: Case[] = [];
  for (let start = 0; start < inStreams.length; start += streamLength) {
    const part = inStreams.slice(start, start + streamLength);
    const call = { method: "ModelStreamInfer", requests: part.map(([, request]) => request) };
    streams.push({ id: `stream ${start / streamLength}`, call, names: part.map(([name]) => name) });
  }
  return [...unary, ...streams, ...strictStreams()];
}

/** Streams that ask for a gRPC status instead of errors among the answers. */
function strictStreams(): Case[] {
  const random = new SeededRandom(seed);
  const request = (model: FacedModel, id: string, change: Mutation = () => {}) =>
    encodeRequest("ModelInfer", mutated(model, [change], random, id));
  const good = request("rows", "good");
  const unknown = request("rows", "unknown", mutations["model unknown"]);
  const short = request("rows", "short", mutations["raw byte short"]);
  const stream = (id: string, requests: Buffer[], metadata: Record<string, string> = {}): Case => ({
    id: `strict stream: ${id}`,
    names: requests.map((_, i) => `${id}, message ${i + 1}`),
    call: { method: "ModelStreamInfer", requests, metadata },
  });
  const strict = { triton_grpc_error: "true" };
  return [
    stream("nothing", []),
    stream("strict, nothing", [], strict),
    stream("strict, good", [good], strict),
    stream("strict, unknown model", [unknown], strict),
    stream("strict, short data", [short], strict),
    stream("strict, switched off", [unknown, good], { triton_grpc_error: "false" }),
    stream("strict, another word", [unknown, good], { triton_grpc_error: "1" }),
    stream("final responses asked for", [
      request("rows", "a", mutations.triton_enable_empty_final_response),
      request("rows", "b", mutations.triton_enable_empty_final_response),
    ]),
  ];
}
