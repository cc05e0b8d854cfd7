import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InferenceError, type Reason } from "../../src/errors.ts";
import { noParameters } from "../../src/inference.ts";
import { decodeInferRequest, encodeInferRequest, parseInferRequest } from "../../src/protocol/infer-request.ts";
import { datatypes, itemBytes } from "../../src/tensor.ts";
import { requestBytes } from "./reference-messages.ts";

const decode = (message: object) => decodeInferRequest(requestBytes(message));

/** One input X of model m, FP32 [2], with what the test changes. */
function withInput(input: object = {}, request: object = {}): object {
  return {
    model_name: "m",
    id: "7",
    inputs: [{ name: "X", datatype: "FP32", shape: [2], ...input }],
    raw_input_contents: [Buffer.alloc(8)],
    ...request,
  };
}

function fails(message: object, text: string, reason: Reason = "invalid"): void {
  assert.throws(
    () => decode(message),
    (error) => {
      assert(error instanceof InferenceError);
      assert.equal(error.message, text);
      assert.equal(error.reason, reason);
      return true;
    },
  );
}

const bytesOf = (...elements: (string | Buffer)[]) =>
  Buffer.concat(
    elements.flatMap((element) => {
      const data = Buffer.from(element as string);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(data.length);
      return [length, data];
    }),
  );

describe("decodeInferRequest", () => {
  test("keeps raw data as views into the message", () => {
    const bytes = requestBytes(withInput({}, { outputs: [{ name: "y" }], model_version: "3" }));
    const request = decodeInferRequest(bytes);
    assert.equal(request.modelName, "m");
    assert.equal(request.modelVersion, "3");
    assert.equal(request.id, "7");
    assert.equal(request.parameters, noParameters);
    assert.deepEqual(request.requestedOutputs, [{ name: "y", classificationCount: 0 }]);
    assert.equal(request.byteLength, bytes.length);
    assert.equal(request.inputs[0]!.data.buffer, bytes.buffer);
  });

  test("takes every datatype raw, with zero-size dimensions and scalars", () => {
    for (const datatype of datatypes) {
      for (const shape of [[], [0], [2, 0], [3], [2, 2]]) {
        const count = shape.reduce((a, b) => a * b, 1);
        const data =
          datatype === "BYTES" ? bytesOf(...new Array(count).fill("é")) : Buffer.alloc(count * itemBytes(datatype), 7);
        const [input] = decode(withInput({ datatype, shape }, { raw_input_contents: [data] })).inputs;
        assert.deepEqual({ ...input, data: Buffer.from(input!.data) }, { name: "X", datatype, shape, data });
      }
    }
  });

  const typed: [string, object, number[]][] = [
    ["BOOL", { bool_contents: [true, false] }, [1, 0]],
    ["INT8", { int_contents: [-1, 300] }, [255, 44]],
    ["INT16", { int_contents: [-2, 65537] }, [254, 255, 1, 0]],
    ["INT32", { int_contents: [-2, 1] }, [254, 255, 255, 255, 1, 0, 0, 0]],
    ["INT64", { int64_contents: ["-1", "9223372036854775807"] }, [...new Array(15).fill(255), 127]],
    ["UINT8", { uint_contents: [255, 256] }, [255, 0]],
    ["UINT16", { uint_contents: [258, 65536] }, [2, 1, 0, 0]],
    ["UINT32", { uint_contents: [4294967295, 1] }, [255, 255, 255, 255, 1, 0, 0, 0]],
    ["UINT64", { uint64_contents: ["18446744073709551615", "1"] }, [...new Array(8).fill(255), 1, 0, 0, 0, 0, 0, 0, 0]],
    ["FP32", { fp32_contents: [1, -0] }, [0, 0, 128, 63, 0, 0, 0, 128]],
    ["FP64", { fp64_contents: [1, Number.NaN] }, [0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 248, 127]],
    ["BYTES", { bytes_contents: [Buffer.from("ab"), Buffer.alloc(0)] }, [2, 0, 0, 0, 97, 98, 0, 0, 0, 0]],
  ];
  for (const [datatype, contents, expected] of typed) {
    test(`turns typed ${datatype} into raw bytes`, () => {
      const request = decode(withInput({ datatype, contents }, { raw_input_contents: [] }));
      assert.deepEqual([...request.inputs[0]!.data], expected);
      assert.equal(request.byteLength, expected.length);
    });
  }

  test("takes typed elements packed, unpacked and in pieces", () => {
    const header = [0x0a, 1, 0x58, 0x12, 5, ...Buffer.from("INT16"), 0x18, 3];
    const contents = [0x2a, 4, 0x12, 2, 1, 2, 0x2a, 3, 0x10, 0x80, 0x02];
    const message = Buffer.from([0x2a, header.length + contents.length, ...header, ...contents]);
    assert.deepEqual([...decodeInferRequest(message).inputs[0]!.data], [1, 0, 2, 0, 0, 1]);
  });

  test("takes empty contents for a tensor without elements", () => {
    const request = decode(withInput({ shape: [0, 3], contents: {} }, { raw_input_contents: [] }));
    assert.equal(request.inputs[0]!.data.length, 0);
  });

  test("reads parameters of every kind, the last of a key twice, and __proto__ as a plain key", () => {
    const one = requestBytes(
      withInput(
        {},
        {
          parameters: {
            __proto__: null,
            b: { bool_param: true },
            i: { int64_param: "-9007199254740993" },
            twice: { int64_param: 1 },
          },
        },
      ),
    );
    const two = requestBytes({
      parameters: Object.defineProperty(
        { d: { double_param: 0.5 }, s: { string_param: "ü" }, twice: { int64_param: 2 } },
        "__proto__",
        {
          value: { int64_param: 5 },
          enumerable: true,
        },
      ),
    });
    const { parameters } = decodeInferRequest(Buffer.concat([one, two]));
    assert.deepEqual(
      new Map([...parameters].sort()),
      new Map<string, unknown>([
        ["__proto__", 5],
        ["b", true],
        ["d", 0.5],
        ["i", -9007199254740993n],
        ["s", "ü"],
        ["twice", 2],
      ]),
    );
    assert.equal(({} as Record<string, unknown>).int64_param, undefined);
  });

  test("tells the id before the tensors are looked at", () => {
    assert.equal(parseInferRequest(requestBytes(withInput({ datatype: "nonsense" }))).id, "7");
  });
});

describe("a request that breaks a rule", () => {
  const core = "[request id: 7] ";
  const cases: [string, object, string, Reason?][] = [
    [
      "byte size",
      withInput({ shape: [3] }),
      `${core}input byte size mismatch for input 'X' for model 'm'. Expected 12, got 8`,
    ],
    [
      "byte size, too long",
      withInput({ shape: [1] }),
      `${core}input byte size mismatch for input 'X' for model 'm'. Expected 4, got 8`,
    ],
    [
      "no id",
      withInput({ shape: [3] }, { id: "" }),
      "[request id: <id_unknown>] input byte size mismatch for input 'X' for model 'm'. Expected 12, got 8",
    ],
    [
      "empty raw",
      withInput({}, { raw_input_contents: [Buffer.alloc(0)] }),
      `${core}input byte size mismatch for input 'X' for model 'm'. Expected 8, got 0`,
    ],
    [
      "typed size",
      withInput({ contents: { fp32_contents: [1] } }, { raw_input_contents: [] }),
      `${core}input byte size mismatch for input 'X' for model 'm'. Expected 8, got 4`,
    ],
    [
      "-1",
      withInput({ shape: [-1, 2] }),
      `${core}All input dimensions should be specified for input 'X' for model 'm', got [-1,2]`,
    ],
    [
      "negative",
      withInput({ shape: [-2] }),
      `${core}unexpected shape for input 'X' for model 'm'. Expected dimensions between 0 and 9007199254740991, got [-2]`,
    ],
    [
      "overflow of the product",
      withInput({ shape: [2 ** 40, 2 ** 40] }),
      `${core}unexpected shape for input 'X' for model 'm'. Expected at most 9007199254740991 elements, got [1099511627776,1099511627776]`,
    ],
    [
      "overflow to a plausible size",
      withInput({ shape: [4, "1152921504606846978"] }),
      `${core}unexpected shape for input 'X' for model 'm'. Expected dimensions between 0 and 9007199254740991, got [4,1152921504606846978]`,
    ],
    [
      "size beyond the safe integers",
      withInput({ shape: [2 ** 52] }),
      `${core}input byte size mismatch for input 'X' for model 'm'. Expected 18014398509481984, got 8`,
    ],
    [
      "rank",
      withInput({ shape: new Array(1000).fill(1) }),
      `${core}unexpected shape for input 'X' for model 'm'. Expected at most 64 dimensions, got more`,
    ],
    [
      "datatype",
      withInput({ datatype: "FLOAT" }),
      `${core}inference input 'X' data-type is 'FLOAT', but model 'm' expects one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES`,
    ],
    [
      "BF16",
      withInput({ datatype: "BF16", shape: [4] }),
      `${core}inference input 'X' data-type is 'BF16', but model 'm' expects one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES (ONNX Runtime's Node binding cannot carry BF16: send FP32 or FP16)`,
    ],
    [
      "duplicate input",
      { ...withInput(), inputs: [{ name: "X" }, { name: "X" }] },
      `${core}input 'X' already exists in request`,
    ],
    [
      "duplicate output",
      withInput({}, { outputs: [{ name: "y" }, { name: "y" }] }),
      `${core}output 'y' already exists in request`,
    ],
    [
      "no data",
      withInput({}, { raw_input_contents: [] }),
      "unable to find data for input tensor 'X' for model 'm' in request.",
    ],
    [
      "raw and contents",
      withInput({ contents: {} }),
      "contents field must not be specified when using raw_input_contents for 'X' for model 'm'",
    ],
    [
      "too many raw entries",
      withInput({}, { raw_input_contents: [Buffer.alloc(8), Buffer.alloc(8)] }),
      "raw_input_contents has 2 entries for 1 inputs for model 'm'",
    ],
    [
      "typed field of another type",
      withInput({ contents: { int_contents: [1, 2] } }, { raw_input_contents: [] }),
      "unexpected explicit tensor data for input tensor 'X' for model 'm' of type 'INT32', expected datatype 'FP32'",
    ],
    [
      "typed FP16",
      withInput({ datatype: "FP16", contents: { fp32_contents: [1, 2] } }, { raw_input_contents: [] }),
      "unexpected explicit tensor data for input tensor 'X' for model 'm' of type 'FP32', expected datatype 'FP16'",
    ],
    [
      "two typed fields",
      withInput({ contents: { fp32_contents: [1, 2], fp64_contents: [1] } }, { raw_input_contents: [] }),
      "unexpected explicit tensor data for input tensor 'X' for model 'm', binary data was already supplied.",
    ],
    [
      "classification of 0",
      withInput({}, { outputs: [{ name: "y", parameters: { classification: { int64_param: 0 } } }] }),
      "invalid value for 'classification' parameter, expected >= 0",
    ],
    [
      "classification type",
      withInput({}, { outputs: [{ name: "y", parameters: { classification: { string_param: "3" } } }] }),
      "invalid value type for 'classification' parameter, expected int64_param",
    ],
    [
      "classification in shared memory",
      withInput(
        {},
        {
          outputs: [
            {
              name: "y",
              parameters: {
                classification: { int64_param: 1 },
                shared_memory_region: { string_param: "r" },
                shared_memory_byte_size: { int64_param: 8 },
              },
            },
          ],
        },
      ),
      "output can't set both 'shared_memory_region' and 'classification'",
    ],
  ];
  const bytes = (data: Buffer, shape: number[] = [2]) =>
    withInput({ datatype: "BYTES", shape }, { raw_input_contents: [data] });
  cases.push(
    [
      "BYTES prefix cut",
      bytes(Buffer.concat([bytesOf("a"), Buffer.from([1, 0])])),
      `${core}incomplete string length indicator for inference input 'X' for model 'm', expecting 4 bytes but only 2 bytes available. Please make sure the string length indicator is in one buffer.`,
    ],
    [
      "BYTES too many",
      bytes(bytesOf("a", "b", "c")),
      `${core}unexpected number of string elements 3 for inference input 'X' for model 'm', expecting 2`,
    ],
    [
      "BYTES too few",
      bytes(bytesOf("a")),
      `${core}expected 2 string elements for inference input 'X' for model 'm', got 1`,
    ],
    [
      "BYTES lying length",
      bytes(Buffer.from([255, 255, 255, 255, 1])),
      `${core}incomplete string data for inference input 'X' for model 'm', element 0 has length 4294967295 but only 1 bytes available`,
    ],
    [
      "BYTES not UTF-8",
      bytes(bytesOf("a", Buffer.from([0x61, 0xff]))),
      `${core}string element 1 of input 'X' for model 'm' is not valid UTF-8`,
    ],
    [
      "BYTES NUL",
      bytes(bytesOf("a\0b", "c")),
      `${core}string element 0 of input 'X' for model 'm' contains a NUL byte`,
    ],
    [
      "BYTES long NUL",
      bytes(bytesOf("c", `${"a".repeat(100)}\0`)),
      `${core}string element 1 of input 'X' for model 'm' contains a NUL byte`,
    ],
    [
      "BYTES typed too few",
      withInput({ datatype: "BYTES", contents: { bytes_contents: [Buffer.from("a")] } }, { raw_input_contents: [] }),
      `${core}expected 2 string elements for inference input 'X' for model 'm', got 1`,
    ],
  );
  const shared = (parameters: object, more: object = {}) =>
    withInput({ parameters, ...more }, { raw_input_contents: [] });
  const region = { shared_memory_region: { string_param: "r" } };
  const size = { shared_memory_byte_size: { int64_param: 8 } };
  cases.push(
    [
      "shared memory",
      shared({ ...region, ...size }),
      "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.",
      "unsupported",
    ],
    [
      "shared memory output",
      withInput({}, { outputs: [{ name: "y", parameters: { ...region, ...size } }] }),
      "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.",
      "unsupported",
    ],
    [
      "shared memory without size",
      shared(region),
      "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'X'",
    ],
    [
      "offset without region",
      shared({ shared_memory_offset: { int64_param: 1 } }),
      "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'X'",
    ],
    [
      "size without region",
      shared(size),
      "'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'X'",
    ],
    [
      "region type",
      shared({ shared_memory_region: { int64_param: 1 } }),
      "invalid value type for 'shared_memory_region' parameter for tensor 'X', expected string_param.",
    ],
    [
      "contents with shared memory",
      shared({ ...region, ...size }, { contents: {} }),
      "unexpected 'content' provided when using shared memory for input tensor 'X' for model 'm'",
    ],
  );
  const parameter = (key: string, value: object) => withInput({}, { parameters: { [key]: value } });
  const kinds: [string, object, string][] = [
    ["sequence_id", { bool_param: true }, "int64_param or string_param."],
    ["sequence_start", { int64_param: 1 }, "bool_param."],
    ["sequence_end", { string_param: "" }, "bool_param."],
    ["priority", { double_param: 1 }, "int64_param or uint64_param."],
    ["timeout", { uint64_param: 1 }, "int64_param."],
    ["triton_enable_empty_final_response", { int64_param: 1 }, "bool_param."],
    ["sluice_output_contents", { bool_param: true }, "string_param."],
    ["sluice_sequence_number", { string_param: "1" }, "int64_param or uint64_param."],
    ["sluice_cancel", { int64_param: 1 }, "string_param."],
    ["sluice_tenant", { int64_param: 1 }, "string_param."],
    ["sluice_timeout_ms", { double_param: 1 }, "int64_param."],
    ["sluice_prediction_id", { int64_param: 1 }, "string_param."],
    ["mine", { uint64_param: 1 }, "int64_param, bool_param, or string_param."],
    ["empty", {}, "int64_param, bool_param, or string_param."],
  ];
  for (const [key, value, expected] of kinds) {
    cases.push([
      `type of ${key}`,
      parameter(key, value),
      `invalid value type for '${key}' parameter, expected ${expected}`,
    ]);
  }
  cases.push(
    [
      "negative priority",
      parameter("priority", { int64_param: -1 }),
      "invalid value for 'priority', expected value >= 0.",
    ],
    [
      "timeout of 0",
      parameter("sluice_timeout_ms", { int64_param: 0 }),
      "invalid value for 'sluice_timeout_ms', expected value > 0.",
    ],
    [
      "output form",
      parameter("sluice_output_contents", { string_param: "json" }),
      "invalid value for 'sluice_output_contents', expected 'raw' or 'typed'.",
    ],
    [
      "triton_ key",
      parameter("triton_x", { bool_param: true }),
      "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response",
    ],
    [
      "sluice_ key",
      parameter("sluice_x", { bool_param: true }),
      "parameter keys starting with 'sluice_' are reserved for sluice usage. Only the following keys starting with 'sluice_' are allowed: sluice_output_contents sluice_sequence_number sluice_cancel sluice_tenant sluice_timeout_ms sluice_prediction_id",
    ],
  );
  for (const [name, message, text, reason] of cases) test(name, () => fails(message, text, reason));

  test("parts beyond the limits", () => {
    fails({ inputs: new Array(4097).fill({}) }, "request has more than 4096 inputs");
    const parameters = Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`k${i}`, { bool_param: true }]));
    fails({ parameters }, "a parameters map has more than 1024 entries");
  });
});

describe("encodeInferRequest", () => {
  const request = {
    modelName: "m",
    modelVersion: "",
    id: "",
    parameters: noParameters,
    requestedOutputs: [],
    byteLength: 0,
  };

  test("refuses data that is no Uint8Array instead of cutting it to bytes", () => {
    const data = new Float32Array([1, 2]) as unknown as Uint8Array;
    const inputs = [{ name: "x", datatype: "FP32" as const, shape: [2], data }];
    assert.throws(
      () => encodeInferRequest({ ...request, inputs }),
      /data of tensor 'x' is a Float32Array, expected a Uint8Array/,
    );
  });

  test("refuses data that does not fit its shape", () => {
    const inputs = [{ name: "x", datatype: "FP32" as const, shape: [3], data: new Uint8Array(8) }];
    assert.throws(
      () => encodeInferRequest({ ...request, inputs }),
      /byte size mismatch for input 'x' for model 'm'. Expected 12, got 8/,
    );
  });
});
