import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { grpcurlLine } from "../../src/cli/grpcurl-line.ts";
import type { TensorSpec } from "../../src/inference.ts";
import { inferenceService } from "../../src/protocol/definitions.ts";
import { type Datatype, datatypes } from "../../src/tensor.ts";

function line(maxBatchSize: number, ...inputs: readonly TensorSpec[]): string {
  return grpcurlLine("[::]:9", { name: "it's", signature: { inputs, outputs: [], maxBatchSize } });
}

/** The arguments as a shell reads them. */
function argumentsOf(text: string): readonly string[] {
  const script = `${text.replace(/^grpcurl/, "set --")}; for argument; do printf '%s\\0' "$argument"; done`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
}

test("a pasted line carries one whole row of every datatype", () => {
  for (const datatype of datatypes.filter((name): name is Datatype => name !== "FP16")) {
    const text = line(4, { name: "o'x", datatype, dims: [-1, 3] });
    const [plaintext, flag, message = "", address, method] = argumentsOf(text);
    assert.deepEqual(
      [plaintext, flag, address, method],
      ["-plaintext", "-d", "[::1]:9", "inference.GRPCInferenceService/ModelInfer"],
    );
    const { model_name, inputs } = JSON.parse(message);
    assert.deepEqual([model_name, inputs[0].name, inputs[0].shape], ["it's", "o'x", [1, 1, 3]]);
    const [elements] = Object.values<unknown[]>(inputs[0].contents);
    assert.equal(elements?.length, 3);
  }
});

test("a model without a batch dimension gets none, and an optional input is left out", () => {
  const text = line(
    0,
    { name: "x", datatype: "INT8", dims: [2] },
    { name: "z", datatype: "INT8", dims: [2], isOptional: true },
  );
  const { inputs } = JSON.parse(argumentsOf(text)[2] ?? "");
  assert.deepEqual(inputs, [{ name: "x", datatype: "INT8", shape: [2], contents: { int_contents: [1, 1] } }]);
});

test("inputs that do not fit a line ask for the metadata instead", () => {
  for (const input of [
    { dims: [3, 224, 224], datatype: "FP32" },
    { dims: [2], datatype: "FP16" },
  ] as const) {
    assert.match(line(4, { name: "x", ...input }), /ModelMetadata$/);
  }
  assert.ok(Object.hasOwn(inferenceService(), "ModelMetadata"));
});
