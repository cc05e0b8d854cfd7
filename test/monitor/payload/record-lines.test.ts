import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readExplicitRequest } from "../../../src/cli/infer-request-json.ts";
import { captureTensor } from "../../../src/monitor/payload/captured-tensor.ts";
import type { PayloadRecord } from "../../../src/monitor/payload/payload-record.ts";
import { recordLine } from "../../../src/monitor/payload/record-lines.ts";
import { type Datatype, datatypes, type Tensor } from "../../../src/tensor.ts";
import { parseJson } from "../../../src/training/json-values.ts";
import { packBytes, someTensor } from "../../support/tensors.ts";

const nothing = { tensors: new Set<string>(), columns: new Map<string, Set<number>>() };
const everything = { maxBytes: 1e9, isBatched: true, redaction: nothing };

function recordOf(given: Partial<PayloadRecord> = {}): PayloadRecord {
  return {
    atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    modelName: "m",
    modelVersion: "1",
    id: "",
    predictionId: undefined,
    tenant: undefined,
    rows: 1,
    status: "OK",
    error: "",
    timing: undefined,
    parameters: undefined,
    inputs: undefined,
    outputs: undefined,
    bytes: 0,
    ...given,
  };
}

function lineOf(given: Partial<PayloadRecord>): string {
  const line = [...recordLine(recordOf(given))].join("");
  assert.ok(line.endsWith("}\n") && line.indexOf("\n") === line.length - 1, "one line");
  return line;
}

function inputOf(tensor: Tensor, rule: Partial<typeof everything> = {}) {
  return JSON.parse(lineOf({ inputs: [captureTensor(tensor, { ...everything, ...rule })] })).inputs[0];
}

const floats = (shape: readonly number[], values: readonly number[]): Tensor => {
  return { name: "x", datatype: "FP32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
};

/** NaNs have many forms, all of which are written alike. */
function normalized({ datatype, data }: Tensor): unknown {
  const copy = new Uint8Array(data).buffer;
  if (datatype === "FP32") return [...new Float32Array(copy)];
  if (datatype === "FP64") return [...new Float64Array(copy)];
  if (datatype === "FP16") return [...new Float16Array(copy)];
  if (datatype === "BOOL") return [...new Uint8Array(copy)].map(Boolean);
  return Buffer.from(copy).toString("hex");
}

test("the inputs of a line are a request that sluice reads back, to the bit", () => {
  const shape = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 });
  const numeric = datatypes.filter((datatype) => datatype !== "BYTES");
  const tensors = fc
    .tuple(fc.constantFrom<Datatype>(...numeric), shape)
    .chain(([type, dims]) => someTensor(type, dims));
  fc.assert(
    fc.property(tensors, (tensor) => {
      const line = lineOf({ inputs: [captureTensor(tensor, everything)] });
      const [read] = readExplicitRequest(parseJson(line)).inputs;
      assert.ok(read);
      assert.deepEqual([read.name, read.datatype, read.shape], [tensor.name, tensor.datatype, tensor.shape]);
      assert.deepEqual(normalized(read), normalized(tensor));
    }),
    { numRuns: 300 },
  );
});

test("texts are written as texts, and as base64 where they are none", () => {
  const texts = ['a "quote"\n', "", "\u2028 日本 \u0000", "x"].map((text) => Buffer.from(text));
  const tensor: Tensor = { name: "t", datatype: "BYTES", shape: [5], data: packBytes([...texts, Buffer.from([0xff])]) };
  const { data } = inputOf(tensor);
  assert.deepEqual(data, ['a "quote"\n', "", "\u2028 日本 \u0000", "x", { b64: "/w==" }]);
});

test("the head of a line has what there is to say, and no more", () => {
  const line = lineOf({
    id: "7",
    predictionId: "p",
    tenant: "team",
    rows: 3,
    status: "deadline",
    error: "too late",
    timing: { total_ms: 1.5 },
    parameters: [
      ["__proto__", "x"],
      ["priority", 1n],
      ["nan", Number.NaN],
      ["flag", true],
    ],
  });
  const rest = '"parameters":{"__proto__":"x","priority":1,"nan":"NaN","flag":true}}\n';
  assert.equal(
    line,
    '{"time":"2026-01-02T03:04:05.006Z","model":"m","version":"1","id":"7","prediction_id":"p","tenant":"team","rows":3,' +
      `"status":"deadline","error":"too late","timing":{"total_ms":1.5},${rest}`,
  );
  assert.equal(lineOf({}), '{"time":"2026-01-02T03:04:05.006Z","model":"m","version":"1","rows":1,"status":"OK"}\n');
});

test("data is nested by shape; a large one is cut after whole rows and marked", () => {
  const tensor = floats([3, 2], [1, 2, 3, 4, 5, 6.5]);
  assert.deepEqual(inputOf(tensor), {
    name: "x",
    datatype: "FP32",
    shape: [3, 2],
    data: [
      [1, 2],
      [3, 4],
      [5, 6.5],
    ],
  });
  const cut = inputOf(tensor, { maxBytes: 20 });
  assert.deepEqual(cut, {
    name: "x",
    datatype: "FP32",
    shape: [3, 2],
    cut: true,
    data: [
      [1, 2],
      [3, 4],
    ],
  });
});

test("of a row that is too large its first elements are kept, as `head`, so that nobody takes them for the data", () => {
  const tensor = floats([2, 3], [1, 2, 3, 4, 5, 6]);
  const expected = { name: "x", datatype: "FP32", shape: [2, 3], cut: true };
  assert.deepEqual(inputOf(tensor, { maxBytes: 8 }), { ...expected, head: [1, 2] });
  assert.deepEqual(inputOf(tensor, { maxBytes: 3 }), { ...expected, head: [] });
  assert.deepEqual(inputOf(tensor, { maxBytes: 16, isBatched: false }), { ...expected, head: [1, 2, 3, 4] });
});

test("texts are cut like numbers", () => {
  const data = packBytes(["aaaa", "bb", "c", "d"].map((text) => Buffer.from(text)));
  const tensor: Tensor = { name: "t", datatype: "BYTES", shape: [2, 2], data };
  assert.deepEqual(inputOf(tensor, { maxBytes: 20 }).data, [["aaaa", "bb"]]);
  assert.deepEqual(inputOf(tensor, { maxBytes: 10 }).head, ["aaaa"]);
  assert.deepEqual(inputOf(tensor, { maxBytes: 4 }).head, []);
});

test("redacted tensors have no data, redacted columns are null, and neither is copied where that can be told", () => {
  const tensor = floats([2, 3], [1, 2, 3, 4, 5, 6]);
  const hidden = { redaction: { ...nothing, tensors: new Set(["x"]) } };
  assert.equal(captureTensor(tensor, { ...everything, ...hidden }).data, undefined);
  assert.deepEqual(inputOf(tensor, hidden), { name: "x", datatype: "FP32", shape: [2, 3], redacted: true });
  const columns = { redaction: { ...nothing, columns: new Map([["x", new Set([0, 2])]]) } };
  const shown = inputOf(tensor, columns);
  assert.deepEqual(
    [shown.data, shown.redacted_columns],
    [
      [
        [null, 2, null],
        [null, 5, null],
      ],
      [0, 2],
    ],
  );
  assert.deepEqual(inputOf(tensor, { ...columns, maxBytes: 8 }).head, [null, 2]);
});

test("empty tensors of any shape are empty lists, also where the shape has room for many", () => {
  assert.deepEqual(inputOf(floats([0, 4], [])).data, []);
  assert.deepEqual(inputOf(floats([1_000_000, 0], [])).data, []);
  assert.deepEqual(inputOf(floats([], [5])).data, [5]);
});

test("a capture is a copy", () => {
  const tensor = floats([1, 2], [1, 2]);
  const captured = captureTensor({ ...tensor, data: Buffer.from(tensor.data.buffer) }, everything);
  tensor.data.fill(0);
  assert.deepEqual([...new Float32Array(captured.data!.buffer)], [1, 2]);
});

test("long tensors are written in pieces", () => {
  const count = 1_000;
  const pieces = [
    ...recordLine(recordOf({ inputs: [captureTensor(floats([1, count], Array(count).fill(0.1)), everything)] })),
  ];
  assert.ok(pieces.every((piece) => piece.length < 256 * 12));
  assert.equal(JSON.parse(pieces.join("")).inputs[0].data[0].length, count);
});
