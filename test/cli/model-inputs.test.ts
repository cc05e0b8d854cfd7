import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readInputData } from "../../src/cli/input-data.ts";
import { fitInputs, type UnnamedData } from "../../src/cli/model-inputs.ts";
import { encodeNpy } from "../../src/cli/npy.ts";
import { cutRows, joinRows, type ModelInputs } from "../../src/cli/rows.ts";
import type { ModelMetadata, TensorMetadata } from "../../src/client/model-metadata.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { Tensor } from "../../src/tensor.ts";

function model(
  ...inputs: readonly (readonly [name: string, datatype: string, shape: readonly number[]])[]
): ModelMetadata {
  const tensors: TensorMetadata[] = inputs.map(([name, datatype, shape]) => ({ name, datatype, shape }));
  return { name: "m", versions: ["1"], platform: "", inputs: tensors, outputs: [] };
}

async function fit(
  text: string | Uint8Array,
  metadata: ModelMetadata,
  ignored: readonly string[] = [],
): Promise<ModelInputs> {
  const data = await readInputData(Buffer.from(text as string), "auto");
  assert.notEqual(data.kind, "requests");
  return await fitInputs(data as UnnamedData, metadata, ignored);
}

/** Tensors as plain data. */
function plain({ tensors, cut }: ModelInputs): object {
  const shown = tensors.map((tensor) => [
    tensor.name,
    tensor.shape.join(),
    Array.from<unknown, string>(readTensor(tensor), String),
  ]);
  return [cut, ...shown];
}

const features = model(["x", "FP32", [-1, 2]]);
const mixed = model(["age", "INT64", [-1, 1]], ["city", "BYTES", [-1]]);
const unbatched = model(["x", "FP32", [2]]);

test("every form of input becomes the model's tensors", async () => {
  const x = (shape: string, ...values: number[]) => ["x", shape, values.map(String)];
  const cases: readonly (readonly [string | Uint8Array, ModelMetadata, object, (readonly string[])?])[] = [
    ["a,b\n1,2\n3,4\n", features, ["batch", x("2,2", 1, 2, 3, 4)]],
    ["a,t,b\n1,9,2\n", features, ["batch", x("1,2", 1, 2)], ["t"]],
    ["a,b\nnan,-inf\n", features, ["batch", x("1,2", NaN, -Infinity)]],
    ["[[1,2],[3,4]]", features, ["batch", x("2,2", 1, 2, 3, 4)]],
    ["[1,2]\n[3,4]\n", features, ["batch", x("2,2", 1, 2, 3, 4)]],
    ["[1,2]", features, ["batch", x("1,2", 1, 2)]],
    ['{"x": [[1, "NaN"]]}', features, ["batch", x("1,2", 1, NaN)]],
    ['[{"a":1,"b":2}]', features, ["batch", x("1,2", 1, 2)]],
    ['{"a":1,"b":2}\n{"b":4,"a":3}\n', features, ["batch", x("2,2", 1, 2, 3, 4)]],
    ["[[1,2],[3,4]]", unbatched, ["each", x("2,2", 1, 2, 3, 4)]],
    ["[1,2]", unbatched, ["whole", x("2", 1, 2)]],
    ["a,b\n1,2\n3,4\n", unbatched, ["each", x("2,2", 1, 2, 3, 4)]],
    ["a,b,c,d\n1,2,3,4\n", model(["x", "FP32", [-1, 2, -1]]), ["batch", x("1,2,2", 1, 2, 3, 4)]],
    ["v\n5\n6\n", model(["x", "FP32", [-1]]), ["batch", x("2", 5, 6)]],
    [
      'city,age\nRome,4\n"a,b",9007199254740993\n',
      mixed,
      ["batch", ["age", "2,1", ["4", "9007199254740993"]], ["city", "2", ["82,111,109,101", "97,44,98"]]],
    ],
    [
      '{"age":[9007199254740993],"city":["Rome"]}',
      mixed,
      ["batch", ["age", "1,1", ["9007199254740993"]], ["city", "1", ["82,111,109,101"]]],
    ],
    [encodeNpy(createTensor("", "FP64", [1, 2], [1, 2])), features, ["batch", x("1,2", 1, 2)]],
    [encodeNpy(createTensor("", "INT64", [1, 2], [1, 2])), features, ["batch", x("1,2", 1, 2)]],
  ];
  for (const [text, metadata, expected, ignored] of cases) {
    assert.deepEqual(plain(await fit(text, metadata, ignored)), expected, String(text));
  }
});

test("input that does not fit is refused with what the model takes", async () => {
  const cases: readonly (readonly [string | Uint8Array, ModelMetadata, RegExp, (readonly string[])?])[] = [
    [
      "a,b,target\n1,2,3\n",
      features,
      /3 columns do not make a row of input 'x', which takes 2: model 'm' takes 'x' FP32 \[-1,2\]; perhaps --ignore 'target'/,
    ],
    ["a,b\n1,\n", features, /column 'b' in line 2 is "", expected a number \(FP32; NaN for a missing one\)/],
    ["a,b\n1,two\n", features, /column 'b' in line 2 is "two"/],
    ["age,city,z\n1,a,3\n", mixed, /column 'z' fits no input.*--ignore 'z'/],
    ["age,z\n1,3\n", mixed, /no column for input 'city'.*the columns are age, z/],
    ["age,city\n1.5,a\n", mixed, /column 'age' in line 2 is "1.5", expected an integer \(INT64\)/],
    ["a,b\n1,2\n", features, /--ignore 'c': no such column, the input has a, b/, ["c"]],
    ["[[1,2],[3]]", features, /a list of 1 where its neighbours are lists of 2/],
    ["[[1,2],3]", features, /a value where a list of 2 is expected/],
    ["[[1,null]]", features, /element 1 of input 'x' is null, expected a number/],
    ['{"y":[1]}', features, /no input 'y'; model 'm' takes 'x'/],
    ["[[1]]", mixed, /a list without input names fits a model with one input/],
    ["[1,", features, /JSON/],
    ['{"a":1,"b":2}\n{"a":3}\n', features, /line 2: 'b' is missing/],
    [
      encodeNpy(createTensor("", "FP64", [1], [1.5])),
      model(["x", "INT64", [-1]]),
      /holds FP64 \[1\], input 'x' takes INT64 \[-1\]/,
    ],
    ["[1]", model(["x", "BF16", [-1]]), /has datatype BF16, which this client cannot write/],
  ];
  for (const [text, metadata, message, ignored] of cases) {
    await assert.rejects(fit(text, metadata, ignored), message, String(text));
  }
});

test("what was cut into requests of any size joins to the whole", () => {
  const texts = fc.array(fc.string(), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      texts,
      fc.integer({ min: 1, max: 13 }),
      fc.constantFrom("batch", "each", "whole"),
      (rows, size, cut) => {
        const tensors: Tensor[] = [
          createTensor(
            "n",
            "INT16",
            [rows.length, 2],
            rows.flatMap((_, i) => [i, -i]),
          ),
          createTensor("s", "BYTES", [rows.length], rows),
        ];
        const requests = [...cutRows({ tensors, cut }, size)];
        if (cut === "each") assert.ok(requests.every(([n]) => n?.shape.join() === "2"));
        if (cut === "batch") assert.ok(requests.every(([n]) => (n?.shape[0] ?? 0) <= size));
        const joined = joinRows(requests, cut) ?? [];
        assert.deepEqual(
          joined.map(({ name, shape, data }) => [name, shape, Buffer.from(data)]),
          tensors.map(({ name, shape, data }) => [name, shape, Buffer.from(data)]),
        );
      },
    ),
  );
});

test("answers that differ in shape or name do not join", () => {
  const output = (name: string, ...shape: number[]) =>
    [{ name, datatype: "INT8", shape, data: Buffer.alloc(6) }] as const;
  assert.equal(joinRows([output("y", 2, 3), output("y", 3, 2)], "batch"), undefined);
  assert.equal(joinRows([output("y", 2, 3), output("z", 2, 3)], "batch"), undefined);
  assert.equal(joinRows([output("y"), output("y")], "batch"), undefined);
  assert.deepEqual(joinRows([output("y", 2, 3), output("y", 2, 3)], "batch")?.[0]?.shape, [4, 3]);
});
