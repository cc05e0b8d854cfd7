import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createTensor, InferenceClient, readTensor } from "../../src/index.ts";
import { messageType } from "../../src/model/definitions.ts";
import { startTestServer } from "../support/test-server.ts";

/** As many as a language model of 64 layers has keys and values. */
const width = 128;

/** `width` inputs and as many outputs, each output its input plus one: FP32 [N, 2]. */
function wideModel(): Uint8Array {
  const rows = { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: "N" }, { dim_value: 2 }] } } };
  const indexes = Array.from({ length: width }, (_, index) => index);
  const type = messageType("onnx.ModelProto");
  const model = type.fromObject({
    ir_version: 10,
    opset_import: [{ domain: "", version: 21 }],
    graph: {
      name: "wide",
      node: indexes.map((i) => ({ op_type: "Add", input: [`x${i}`, "one"], output: [`y${i}`] })),
      initializer: [{ name: "one", dims: [1], data_type: 1, raw_data: Buffer.from(Float32Array.of(1).buffer) }],
      input: indexes.map((i) => ({ name: `x${i}`, type: rows })),
      output: indexes.map((i) => ({ name: `y${i}`, type: rows })),
    },
  });
  return type.encode(model).finish();
}

test("a model of more inputs and outputs than one frame describes answers, each output to its own input", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-wide-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "wide.onnx"), wideModel());
  const server = await startTestServer(folder);
  t.after(() => server.stop());
  const client = InferenceClient.connect(server.grpcAddress);
  t.after(() => client.close());
  const ask = async (base: number) => {
    const inputs = Array.from({ length: width }, (_, i) =>
      createTensor(`x${i}`, "FP32", [1, 2], Float32Array.of(base + i, -i)),
    );
    const { outputs } = await client.infer({ model: "wide", inputs });
    assert.equal(outputs.length, width);
    for (const [i, output] of outputs.entries()) {
      assert.equal(output.name, `y${i}`);
      assert.deepEqual([...(readTensor(output) as Float32Array)], [base + i + 1, 1 - i]);
    }
  };
  await Promise.all([1_000, 2_000, 3_000, 4_000].map(ask));
});
