import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor, type TensorElement } from "../../src/client/tensor-values.ts";
import type { RunningServer } from "../../src/serve.ts";
import { type Datatype, datatypes } from "../../src/tensor.ts";
import { fixtureFolder } from "../support/expected-cases.ts";
import { type Message, PlainStub } from "../support/plain-stub.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** Values at the ends of each datatype, eight for two rows of four; 64-bit integers beyond what a JavaScript number holds. */
const extremes: Readonly<Record<Datatype, readonly TensorElement[]>> = {
  BOOL: [true, false, false, true, true, true, false, false],
  UINT8: [0, 255, 1, 2, 127, 128, 3, 4],
  UINT16: [0, 65_535, 1, 2, 32_767, 32_768, 3, 4],
  UINT32: [0, 4_294_967_295, 1, 2, 2_147_483_647, 2_147_483_648, 3, 4],
  UINT64: [0n, 2n ** 64n - 1n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n, 3n, 4n],
  INT8: [0, -128, 127, -1, 1, 2, 3, 4],
  INT16: [0, -32_768, 32_767, -1, 1, 2, 3, 4],
  INT32: [0, -2_147_483_648, 2_147_483_647, -1, 1, 2, 3, 4],
  INT64: [0n, -(2n ** 63n), 2n ** 63n - 1n, -(2n ** 53n) - 1n, -1n, 1n, 2n, 3n],
  FP16: [0, -0, 65_504, -65_504, 2 ** -24, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
  FP32: [0, -0, 3.4028234663852886e38, 2 ** -149, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, 0.5],
  FP64: [
    0,
    -0,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    0.1,
  ],
  BYTES: ["", "plain", "Zürich", "日本語", "🙂", " ", "\n", "long ".repeat(1000)],
};

/** The field of InferTensorContents that carries a datatype; FP16 has none. */
const contentsField: Readonly<Record<Exclude<Datatype, "FP16">, string>> = {
  BOOL: "bool_contents",
  UINT8: "uint_contents",
  UINT16: "uint_contents",
  UINT32: "uint_contents",
  UINT64: "uint64_contents",
  INT8: "int_contents",
  INT16: "int_contents",
  INT32: "int_contents",
  INT64: "int64_contents",
  FP32: "fp32_contents",
  FP64: "fp64_contents",
  BYTES: "bytes_contents",
};

suite("every datatype, raw and typed", () => {
  const root = temporaryFolder({ after });
  let server: RunningServer;
  let client: InferenceClient;
  let stub: PlainStub;

  before(async () => {
    for (const name of [...datatypes.map(modelOf), "scalar", "empty_dimensions"]) {
      cpSync(join(fixtureFolder("zoo"), name), join(root, name, "1"), { recursive: true });
    }
    server = await startTestServer(root);
    client = InferenceClient.connect(server.grpcAddress);
    stub = new PlainStub(server.grpcAddress);
  });
  after(async () => {
    client.close();
    stub.close();
    await server.stop();
  });

  for (const datatype of datatypes) {
    test(`${datatype} comes back bit for bit as raw contents, in one row, in two and in none`, async () => {
      for (const rows of [1, 2, 0]) {
        const sent = createTensor("X", datatype, [rows, 4], extremes[datatype].slice(0, rows * 4));
        const { outputs } = await client.infer({ model: modelOf(datatype), inputs: [sent] });
        assert.deepEqual(
          outputs.map(({ name, datatype, shape, data }) => [name, datatype, shape, Buffer.from(data)]),
          [["Y", datatype, [rows, 4], Buffer.from(sent.data)]],
        );
      }
    });
  }

  for (const [datatype, field] of Object.entries(contentsField)) {
    test(`${datatype} comes back equal as typed contents, in and out`, async () => {
      const values = extremes[datatype as Datatype].map((value) => {
        if (typeof value === "bigint") return String(value); // as proto-loader writes 64-bit integers
        return typeof value === "string" ? Buffer.from(value) : value;
      });
      const answer = await stub.call("ModelInfer", {
        model_name: modelOf(datatype as Datatype),
        inputs: [{ name: "X", datatype, shape: [2, 4], contents: { [field]: values } }],
        parameters: { sluice_output_contents: { string_param: "typed" } },
      });
      const [output] = answer.outputs as readonly Message[]; // ModelInferResponse
      assert.deepEqual([output?.name, output?.datatype, output?.shape], ["Y", datatype, ["2", "4"]]);
      const contents = output?.contents as Message | undefined; // InferTensorContents
      assert.deepEqual(contents?.[field], values);
      assert.deepEqual(answer.raw_output_contents, []);
    });
  }

  test("typed questions get raw answers unless they ask otherwise", async () => {
    const answer = await stub.call("ModelInfer", {
      model_name: "identity_int16",
      inputs: [{ name: "X", datatype: "INT16", shape: [1, 4], contents: { int_contents: [1, -2, 3, -4] } }],
    });
    assert.deepEqual(answer.raw_output_contents, [Buffer.from(Int16Array.of(1, -2, 3, -4).buffer)]);
  });

  test("FP16 and BF16 have no typed contents, and the refusal says so", async () => {
    for (const datatype of ["FP16", "BF16"]) {
      const request = {
        model_name: "identity_fp16",
        inputs: [{ name: "X", datatype, shape: [1, 4], contents: { fp32_contents: [1, 2, 3, 4] } }],
      };
      await assert.rejects(stub.call("ModelInfer", request), { code: 3, message: new RegExp(datatype) });
    }
  });

  test("of a typed number beyond its datatype the low bytes count, as Triton has it", async () => {
    const answer = await stub.call("ModelInfer", {
      model_name: "identity_int8",
      inputs: [{ name: "X", datatype: "INT8", shape: [1, 4], contents: { int_contents: [1, 128, 256, -129] } }],
    });
    assert.deepEqual(answer.raw_output_contents, [Buffer.from(Int8Array.of(1, -128, 0, 127).buffer)]);
  });

  test("a scalar travels as [1]", async () => {
    const metadata = await client.metadata("scalar");
    assert.deepEqual(
      metadata.inputs.map(({ shape }) => shape),
      [[1]],
    );
    const [input] = metadata.inputs;
    assert.ok(input);
    const inputs = [createTensor(input.name, "FP32", [1], [2.5])];
    const { outputs } = await client.infer({ model: "scalar", inputs });
    assert.deepEqual(
      outputs.map(({ shape }) => shape),
      [[1]],
    );
  });

  test("dimensions of size zero are answered, in rows and in columns", async () => {
    const [input] = (await client.metadata("empty_dimensions")).inputs;
    assert.ok(input);
    for (const shape of [
      [0, 3],
      [2, 0],
      [0, 0],
    ]) {
      const inputs = [createTensor(input.name, "FP32", shape, new Float32Array())];
      const { outputs } = await client.infer({ model: "empty_dimensions", inputs });
      const sum = outputs.find(({ name }) => name === "sum");
      assert.ok(sum);
      assert.deepEqual([sum.shape, readTensor(sum)], [[shape[0], 1], new Float32Array(shape[0] ?? 0)]);
    }
  });
});

function modelOf(datatype: Datatype): string {
  return datatype === "BYTES" ? "identity_string" : `identity_${datatype.toLowerCase()}`;
}
