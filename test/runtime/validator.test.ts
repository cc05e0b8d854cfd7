import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Signature, TensorSpec } from "../../src/inference.ts";
import { Validator } from "../../src/runtime/validator.ts";
import { itemBytes, type Tensor } from "../../src/tensor.ts";
import { requestOf } from "../support/runtime-requests.ts";

const spec = (name: string, partial: Partial<TensorSpec> = {}): TensorSpec => ({
  name,
  datatype: "FP32",
  dims: [2],
  ...partial,
});

function signature(inputs: readonly TensorSpec[], maxBatchSize = 4): Signature {
  return { inputs, outputs: [spec("y"), spec("z")], maxBatchSize };
}

function tensor(name: string, shape: readonly number[], partial: Partial<Tensor> = {}): Tensor {
  const datatype = partial.datatype ?? "FP32";
  const count = shape.reduce((product, dimension) => product * dimension, 1);
  return { name, datatype, shape, data: new Uint8Array(Math.max(0, count) * itemBytes(datatype)), ...partial };
}

const two = signature([spec("a"), spec("b")]);
const optional = signature([spec("a"), spec("b", { isOptional: true }), spec("c", { isOptional: true })]);
const unbatched = signature([spec("a", { dims: [2, -1] })], 0);
const scalar = signature([spec("a", { dims: [] })], 0);

function validate(
  of: Signature,
  inputs: readonly Tensor[],
  partial: Parameters<typeof requestOf>[1] = {},
  isSplit = false,
) {
  return new Validator("m", of).validate(requestOf(inputs, partial), isSplit);
}

describe("a request that does not fit is told in Triton's words", () => {
  const a = tensor("a", [1, 2]);
  const cases: readonly [string, Signature, readonly Tensor[], string][] = [
    [
      "too few inputs",
      two,
      [a],
      "expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['a'], but missing required input(s) ['b']. Please provide all required input(s).",
    ],
    [
      "none",
      two,
      [],
      "expected 2 inputs but got 0 inputs for model 'm'. Got input(s) [], but missing required input(s) ['a','b']. Please provide all required input(s).",
    ],
    [
      "too many inputs",
      two,
      [a, tensor("b", [1, 2]), tensor("c", [1, 2])],
      "expected 2 inputs but got 3 inputs for model 'm'. Got input(s) ['a','b','c'], but missing required input(s) []. Please provide all required input(s).",
    ],
    [
      "a required one missing among optional ones",
      optional,
      [tensor("b", [1, 2])],
      "expected number of inputs between 1 and 3 but got 1 inputs for model 'm'. Got input(s) ['b'], but missing required input(s) ['a']. Please provide all required input(s).",
    ],
    [
      "another datatype",
      two,
      [a, tensor("b", [1, 2], { datatype: "INT32" })],
      "inference input 'b' data-type is 'INT32', but model 'm' expects 'FP32'",
    ],
    [
      "a scalar where rows are needed",
      two,
      [a, tensor("b", [])],
      "input 'b' has no shape but model requires batch dimension for 'm'",
    ],
    [
      "different numbers of rows",
      two,
      [tensor("a", [2, 2]), tensor("b", [3, 2])],
      "input 'b' batch size does not match other inputs for 'm'",
    ],
    [
      "more rows than a batch",
      two,
      [tensor("a", [5, 2]), tensor("b", [5, 2])],
      "inference request batch-size must be <= 4 for 'm'",
    ],
    [
      "a wrong dimension",
      two,
      [a, tensor("b", [1, 3])],
      "unexpected shape for input 'b' for model 'm'. Expected [-1,2], got [1,3]. NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape.",
    ],
    [
      "a missing dimension",
      two,
      [a, tensor("b", [2])],
      "unexpected shape for input 'b' for model 'm'. Expected [-1,2], got [2]. NOTE: ",
    ],
    [
      "one dimension too many",
      two,
      [a, tensor("b", [1, 2, 1])],
      "unexpected shape for input 'b' for model 'm'. Expected [-1,2], got [1,2,1]. NOTE: ",
    ],
    [
      "a wrong dimension without batching",
      unbatched,
      [tensor("a", [3, 1])],
      "unexpected shape for input 'a' for model 'm'. Expected [2,-1], got [3,1].",
    ],
    [
      "a vector for a scalar",
      scalar,
      [tensor("a", [1])],
      "unexpected shape for input 'a' for model 'm'. Expected [], got [1].",
    ],
    [
      "too few bytes",
      two,
      [a, tensor("b", [1, 2], { data: new Uint8Array(7) })],
      "input byte size mismatch for input 'b' for model 'm'. Expected 8, got 7",
    ],
    [
      "too many bytes",
      two,
      [a, tensor("b", [0, 2], { data: new Uint8Array(4) })],
      "input byte size mismatch for input 'b' for model 'm'. Expected 0, got 4",
    ],
  ];
  for (const [name, of, inputs, text] of cases) {
    it(name, () => {
      for (const [id, prefix] of [
        ["", "<id_unknown>"],
        ["q1", "q1"],
      ] as const) {
        assert.throws(
          () => validate(of, inputs, { id }),
          (error: Error & { reason: string }) => {
            assert.equal(error.reason, "invalid");
            assert.ok(error.message.startsWith(`[request id: ${prefix}] ${text}`), error.message);
            return true;
          },
        );
      }
    });
  }

  it("a length of one fits one only, on either side", () => {
    assert.throws(() => validate(signature([spec("a", { dims: [1] })]), [tensor("a", [1, 3])]), { reason: "invalid" });
    assert.throws(() => validate(signature([spec("a", { dims: [3] })]), [tensor("a", [1, 1])]), { reason: "invalid" });
  });

  it("the note on batching is only for models that batch", () => {
    assert.throws(
      () => validate(unbatched, [tensor("a", [3, 1])]),
      (error: Error) => !error.message.includes("NOTE"),
    );
  });

  it("unknown names, without the prefix", () => {
    assert.throws(() => validate(two, [a, tensor("X", [1, 2])], { id: "q1" }), {
      reason: "invalid",
      message: "unexpected inference input 'X' for model 'm'",
    });
    assert.throws(() => validate(two, [a, tensor("b", [1, 2])], { id: "q1", outputs: ["y", "X"] }), {
      reason: "invalid",
      message: "unexpected inference output 'X' for model 'm'",
    });
  });
});

describe("a request that fits", () => {
  it("stands in the order of the signature", () => {
    const valid = validate(two, [tensor("b", [3, 2]), tensor("a", [3, 2])], { outputs: ["z", "y"] });
    assert.deepEqual(
      valid.inputs.map((input) => input?.name),
      ["a", "b"],
    );
    assert.equal(valid.rows, 3);
    assert.deepEqual(valid.outputs, [1, 0]);
  });

  it("has one row where the model does not batch", () => {
    assert.equal(validate(unbatched, [tensor("a", [2, 7])]).rows, 1);
    assert.equal(validate(scalar, [tensor("a", [])]).rows, 1);
  });

  it("may have no rows", () => {
    assert.equal(validate(signature([spec("a")]), [tensor("a", [0, 2])]).rows, 0);
  });

  it("may have more rows than a batch where it is split", () => {
    assert.equal(validate(two, [tensor("a", [9, 2]), tensor("b", [9, 2])], {}, true).rows, 9);
  });

  it("leaves out what is optional", () => {
    const valid = validate(optional, [tensor("a", [1, 2]), tensor("c", [1, 2])]);
    assert.deepEqual(
      valid.inputs.map((input) => input?.name),
      ["a", undefined, "c"],
    );
  });

  it("the bytes of strings are another's business", () => {
    const strings = signature([spec("a", { datatype: "BYTES" })]);
    assert.equal(validate(strings, [tensor("a", [1, 2], { datatype: "BYTES", data: new Uint8Array(8) })]).rows, 1);
  });
});

describe("the shape group", () => {
  const dynamic = signature([spec("a", { dims: [-1] }), spec("b", { dims: [2] })]);
  const key = (of: Signature, ...inputs: Tensor[]) => validate(of, inputs).shapeKey;

  it("is one for all where every dimension is fixed", () => {
    assert.equal(
      key(two, tensor("a", [1, 2]), tensor("b", [1, 2])),
      key(two, tensor("a", [4, 2]), tensor("b", [4, 2])),
    );
  });

  it("follows the dynamic dimensions, not the rows", () => {
    const of = (rows: number, length: number) => key(dynamic, tensor("a", [rows, length]), tensor("b", [rows, 2]));
    assert.equal(of(1, 5), of(3, 5));
    assert.notEqual(of(1, 5), of(1, 6));
  });

  it("tells shapes apart that read alike", () => {
    const pairs = signature([spec("a", { dims: [-1, -1] }), spec("b", { dims: [-1] })]);
    assert.notEqual(
      key(pairs, tensor("a", [1, 1, 11]), tensor("b", [1, 1])),
      key(pairs, tensor("a", [1, 11, 1]), tensor("b", [1, 1])),
    );
    assert.notEqual(
      key(pairs, tensor("a", [1, 1, 1]), tensor("b", [1, 11])),
      key(pairs, tensor("a", [1, 1, 11]), tensor("b", [1, 1])),
    );
  });

  it("follows no dimension in which requests of one batch may differ", () => {
    const pairs = signature([spec("a", { dims: [-1, -1] }), spec("b", { dims: [-1] })]);
    const keyOf = (first: readonly [number, number], second: number) =>
      new Validator("m", pairs, [1, "all"]).validate(
        requestOf([tensor("a", [1, ...first]), tensor("b", [1, second])]),
        false,
      ).shapeKey;
    assert.equal(keyOf([3, 4], 5), keyOf([3, 6], 7));
    assert.notEqual(keyOf([3, 4], 5), keyOf([4, 4], 5));
  });

  it("follows the set of optional inputs", () => {
    const a = tensor("a", [1, 2]);
    const keys = [key(optional, a), key(optional, a, tensor("b", [1, 2])), key(optional, a, tensor("c", [1, 2]))];
    assert.equal(new Set(keys).size, 3);
  });
});
