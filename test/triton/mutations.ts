import { type Draft, type DraftInput, textElements } from "./drafts.ts";

/** One way to change a good request, mostly for the worse. It may find nothing to change. */
export type Mutation = (draft: Draft) => void;

/** The first input; a stray one where an earlier change took all. */
const input = (draft: Draft): DraftInput => draft.inputs[0] ?? { name: "", datatype: "", shape: [] };
const raw = (draft: Draft): Buffer[] => (draft.raw_input_contents ??= []);
const parameter =
  (key: string, value: object): Mutation =>
  (draft) => {
    draft.parameters = { ...draft.parameters, [key]: value as Record<string, unknown> };
  };
const inputParameters =
  (parameters: Record<string, object>): Mutation =>
  (draft) => {
    input(draft).parameters = parameters as Record<string, Record<string, unknown>>;
  };
const outputParameters =
  (parameters: Record<string, object>, name?: string): Mutation =>
  (draft) => {
    draft.outputs = [{ name: name ?? firstOutput(draft), parameters: parameters as never }];
  };
const shape =
  (change: (shape: (number | string)[]) => (number | string)[]): Mutation =>
  (draft) => {
    input(draft).shape = change(input(draft).shape);
  };
const version =
  (text: string): Mutation =>
  (draft) => {
    draft.model_version = text;
  };
const datatype =
  (text: string): Mutation =>
  (draft) => {
    input(draft).datatype = text;
  };
/** Takes the first input's data away from the raw contents and gives it typed contents. */
const contents =
  (fields: Record<string, unknown[]>): Mutation =>
  (draft) => {
    raw(draft).shift();
    input(draft).contents = fields;
  };
const rawElements =
  (...texts: string[]): Mutation =>
  (draft) => {
    raw(draft)[0] = textElements(texts);
  };

const outputNames: Readonly<Record<string, string>> = {
  rows: "DOUBLED",
  pair: "SUM",
  optional: "SUM",
  ranked: "SCORES",
  types: "OUT_FP32",
  fails: "Y",
};
const firstOutput = ({ model_name }: Draft) => outputNames[model_name] ?? "Y";

function changeRaw(change: (bytes: Buffer) => Buffer): Mutation {
  return (draft) => {
    raw(draft)[0] = change(raw(draft)[0] ?? Buffer.alloc(0));
  };
}

/** Most elements that a change makes; only shapes that lie about their size have more. */
const maxElements = 100;

function elementsOf({ shape: dims }: DraftInput): number {
  return Math.max(
    0,
    Math.min(
      maxElements,
      dims.reduce<number>((product, length) => product * Number(length), 1),
    ),
  );
}

/** As many equal items as the first input has elements by its shape. */
function typed(field: string, item: unknown, more = 0): Mutation {
  return (draft) => {
    const count = elementsOf(input(draft)) + more;
    contents({ [field]: new Array(Math.max(0, count)).fill(item) })(draft);
  };
}

/** Every kind of change by name. */
export const mutations: Readonly<Record<string, Mutation>> = {
  unchanged: () => {},
  "model unknown": (draft) => {
    draft.model_name = "nosuch";
  },
  "model empty": (draft) => {
    draft.model_name = "";
  },
  "model with quote": (draft) => {
    draft.model_name = "it's";
  },
  "version 1": version("1"),
  "version 2": version("2"),
  "version 3": version("3"),
  "version 7": version("7"),
  "version 0": version("0"),
  "version 01": version("01"),
  "version +1": version("+1"),
  "version -1": version("-1"),
  "version -7": version("-7"),
  "version with space": version(" 1"),
  "version with trailer": version("1e3"),
  "version fraction": version("1.5"),
  "version word": version("abc"),
  "version too long": version("99999999999999999999"),
  "id unicode": (draft) => {
    draft.id = "ä-\u{1f600}-'\"";
  },
  "input renamed": (draft) => {
    input(draft).name = "nosuch";
  },
  "input name empty": (draft) => {
    input(draft).name = "";
  },
  "input missing": (draft) => {
    draft.inputs.shift();
    raw(draft).shift();
  },
  "inputs missing": (draft) => {
    draft.inputs = [];
    draft.raw_input_contents = [];
  },
  "input twice": (draft) => {
    draft.inputs.push({ ...input(draft) });
    raw(draft).push(raw(draft)[0] ?? Buffer.alloc(0));
  },
  "input too many": (draft) => {
    draft.inputs.push({ ...input(draft), name: "extra" });
    raw(draft).push(raw(draft)[0] ?? Buffer.alloc(0));
  },
  "inputs reversed": (draft) => {
    draft.inputs.reverse();
    raw(draft).reverse();
  },
  "datatype other": datatype("INT32"),
  "datatype of equal size": datatype("UINT32"),
  "datatype BYTES": datatype("BYTES"),
  "datatype BF16": datatype("BF16"),
  "datatype unknown": datatype("FLOAT"),
  "datatype lower case": datatype("fp32"),
  "datatype empty": datatype(""),
  "shape one more": shape((dims) => [...dims, 1]),
  "shape one less": shape((dims) => dims.slice(0, -1)),
  "shape empty": shape(() => []),
  "shape longer": shape((dims) => dims.map((length, i) => (i === dims.length - 1 ? Number(length) + 1 : length))),
  "shape -1": shape((dims) => [...dims.slice(0, -1), -1]),
  "shape -2": shape((dims) => [...dims.slice(0, -1), -2]),
  "shape first -1": shape((dims) => [-1, ...dims.slice(1)]),
  "shape zero": (draft) => {
    shape((dims) => [...dims.slice(0, -1), 0])(draft);
    raw(draft)[0] = Buffer.alloc(0);
  },
  "shape first zero": (draft) => {
    shape((dims) => [0, ...dims.slice(1)])(draft);
    raw(draft)[0] = Buffer.alloc(0);
  },
  "shape huge": shape((dims) => dims.map(() => "4611686018427387904")),
  "shape large": shape((dims) => dims.map(() => 2_000_000_000)),
  "rows differ": (draft) => {
    const last = draft.inputs.at(-1);
    if (last === undefined) return;
    last.shape = [Number(last.shape[0]) + 1, ...last.shape.slice(1)];
    raw(draft)[draft.inputs.length - 1] = Buffer.alloc(4 * elementsOf(last));
  },
  "rows many": (draft) => {
    for (const [i, tensor] of draft.inputs.entries()) {
      tensor.shape = [9, ...tensor.shape.slice(1)];
      const count = elementsOf(tensor);
      const item = tensor.datatype === "INT64" ? 8 : 4;
      raw(draft)[i] = Buffer.from(new Uint8Array(count * item).map((_, at) => (at % item === 0 ? at % 50 : 0)));
    }
  },
  "raw byte short": changeRaw((bytes) => bytes.subarray(0, Math.max(0, bytes.length - 1))),
  "raw byte long": changeRaw((bytes) => Buffer.concat([bytes, Buffer.from([0])])),
  "raw empty": changeRaw(() => Buffer.alloc(0)),
  "raw twice as long": changeRaw((bytes) => Buffer.concat([bytes, bytes])),
  "raw entry missing": (draft) => {
    raw(draft).pop();
  },
  "raw all missing": (draft) => {
    draft.raw_input_contents = [];
  },
  "raw entry too many": (draft) => {
    raw(draft).push(Buffer.from([1, 2, 3, 4]));
  },
  "text cut length": changeRaw((bytes) => Buffer.concat([bytes, Buffer.from([1, 0])])),
  "text cut element": changeRaw((bytes) => Buffer.concat([bytes.subarray(0, 0), Buffer.from([9, 0, 0, 0, 65])])),
  "text huge element": changeRaw(() => Buffer.from([255, 255, 255, 255, 65])),
  "text one element": rawElements("a"),
  "text many elements": rawElements(..."abcdefghijklmnopqrstuvwxyz"),
  "typed FP32": typed("fp32_contents", 1.5),
  "typed FP32 one less": typed("fp32_contents", 1.5, -1),
  "typed FP32 one more": typed("fp32_contents", 1.5, 1),
  "typed FP64": typed("fp64_contents", 1.5),
  "typed INT": typed("int_contents", 3),
  "typed INT64": typed("int64_contents", "-3"),
  "typed UINT": typed("uint_contents", 3),
  "typed UINT64": typed("uint64_contents", "3"),
  "typed BOOL": typed("bool_contents", true),
  "typed BYTES": typed("bytes_contents", Buffer.from("hi")),
  "typed BYTES one less": typed("bytes_contents", Buffer.from("hi"), -1),
  "typed BYTES one more": typed("bytes_contents", Buffer.from("hi"), 1),
  "typed empty": contents({}),
  "typed two fields": (draft) => {
    contents({ fp32_contents: new Array(4).fill(1), int_contents: new Array(4).fill(1) })(draft);
  },
  "typed beside raw": (draft) => {
    input(draft).contents = { fp32_contents: [1, 2, 3, 4] };
  },
  "typed of another type, raw too": (draft) => {
    input(draft).contents = { int_contents: [1, 2, 3, 4] };
  },
  "output chosen": outputParameters({}),
  "outputs all of types": (draft) => {
    draft.outputs = [{ name: "OUT_INT8" }, { name: "OUT_FP64" }, { name: "OUT_BOOL" }];
  },
  "output last first": (draft) => {
    draft.outputs = [{ name: "NEGATED" }, { name: "DOUBLED" }];
  },
  "output unknown": outputParameters({}, "nosuch"),
  "output name empty": outputParameters({}, ""),
  "output twice": (draft) => {
    draft.outputs = [{ name: firstOutput(draft) }, { name: firstOutput(draft) }];
  },
  "output custom parameter": outputParameters({ mine: { string_param: "x" } }),
  "class 1": outputParameters({ classification: { int64_param: 1 } }),
  "class 3": outputParameters({ classification: { int64_param: 3 } }),
  "class 100": outputParameters({ classification: { int64_param: 100 } }),
  "class 0": outputParameters({ classification: { int64_param: 0 } }),
  "class -1": outputParameters({ classification: { int64_param: -1 } }),
  "class text": outputParameters({ classification: { string_param: "1" } }),
  "class bool": outputParameters({ classification: { bool_param: true } }),
  "class empty": outputParameters({ classification: {} }),
  "class uint64": outputParameters({ classification: { uint64_param: 1 } }),
  "class of COUNTS": outputParameters({ classification: { int64_param: 2 } }, "COUNTS"),
  "class of FLAGS": outputParameters({ classification: { int64_param: 2 } }, "FLAGS"),
  "class of HALVES": outputParameters({ classification: { int64_param: 2 } }, "HALVES"),
  "class beside tensor": (draft) => {
    draft.outputs = [
      { name: "COUNTS" },
      { name: "SCORES", parameters: { classification: { int64_param: 2 } } },
      { name: "FLAGS" },
    ];
  },
  "class in shared memory": outputParameters({
    classification: { int64_param: 1 },
    shared_memory_region: { string_param: "r" },
    shared_memory_byte_size: { int64_param: 8 },
  }),
  "memory whole": inputParameters({
    shared_memory_region: { string_param: "r" },
    shared_memory_byte_size: { int64_param: 16 },
  }),
  "memory whole, no raw": (draft) => {
    raw(draft).shift();
    inputParameters({ shared_memory_region: { string_param: "r" }, shared_memory_byte_size: { int64_param: 16 } })(
      draft,
    );
  },
  "memory beside contents": (draft) => {
    contents({ fp32_contents: [1, 2, 3, 4] })(draft);
    inputParameters({ shared_memory_region: { string_param: "r" }, shared_memory_byte_size: { int64_param: 16 } })(
      draft,
    );
  },
  "memory without size": inputParameters({ shared_memory_region: { string_param: "r" } }),
  "memory offset alone": inputParameters({ shared_memory_offset: { int64_param: 4 } }),
  "memory size alone": inputParameters({ shared_memory_byte_size: { int64_param: 4 } }),
  "memory region number": inputParameters({ shared_memory_region: { int64_param: 4 } }),
  "memory size text": inputParameters({
    shared_memory_region: { string_param: "r" },
    shared_memory_byte_size: { string_param: "4" },
  }),
  "memory output": outputParameters({
    shared_memory_region: { string_param: "r" },
    shared_memory_byte_size: { int64_param: 16 },
  }),
  "memory output without size": outputParameters({ shared_memory_region: { string_param: "r" } }),
  "memory output offset alone": outputParameters({ shared_memory_offset: { int64_param: 1 } }),
  "input custom parameter": inputParameters({ mine: { bool_param: true } }),
  "custom bool": parameter("mine", { bool_param: true }),
  "custom int64": parameter("mine", { int64_param: "-9007199254740993" }),
  "custom string": parameter("mine", { string_param: "x" }),
  "custom double": parameter("mine", { double_param: 0.5 }),
  "custom uint64": parameter("mine", { uint64_param: 1 }),
  "custom empty": parameter("mine", {}),
  "custom empty name": parameter("", { int64_param: 1 }),
  "sequence_id number": parameter("sequence_id", { int64_param: 7 }),
  "sequence_id text": parameter("sequence_id", { string_param: "s" }),
  "sequence_id bool": parameter("sequence_id", { bool_param: true }),
  sequence_start: parameter("sequence_start", { bool_param: true }),
  "sequence_start number": parameter("sequence_start", { int64_param: 1 }),
  "sequence_end text": parameter("sequence_end", { string_param: "true" }),
  "priority 1": parameter("priority", { int64_param: 1 }),
  "priority 99": parameter("priority", { int64_param: 99 }),
  "priority uint64": parameter("priority", { uint64_param: 2 }),
  "priority -1": parameter("priority", { int64_param: -1 }),
  "priority text": parameter("priority", { string_param: "1" }),
  "priority bool": parameter("priority", { bool_param: true }),
  "timeout 5000000": parameter("timeout", { int64_param: 5_000_000 }),
  "timeout -1": parameter("timeout", { int64_param: -1 }),
  "timeout uint64": parameter("timeout", { uint64_param: 5 }),
  "timeout text": parameter("timeout", { string_param: "5" }),
  "headers number": parameter("headers", { int64_param: 1 }),
  "headers text": parameter("headers", { string_param: "h" }),
  binary_data_output: parameter("binary_data_output", { bool_param: true }),
  "triton_ unknown": parameter("triton_mine", { int64_param: 1 }),
  triton_final_response: parameter("triton_final_response", { bool_param: true }),
  triton_enable_empty_final_response: parameter("triton_enable_empty_final_response", { bool_param: true }),
  "triton_enable_empty_final_response number": parameter("triton_enable_empty_final_response", { int64_param: 1 }),
};
