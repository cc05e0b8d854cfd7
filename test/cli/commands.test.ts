import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeNpy } from "../../src/cli/npy.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, type InferenceResponse, noParameters } from "../../src/inference.ts";
import { runCommand } from "../support/command-fake.ts";
import { KserveFake } from "../support/kserve-fake.ts";

const tensor = (name: string, datatype: string, ...shape: number[]) => ({ name, datatype, shape: shape.map(String) });

/** Models whose answers can be told from their inputs: `sum` gives the sum of a row and its label, `flat` has no batch dimension. */
const metadata = new Map([
  [
    "sum",
    { inputs: [tensor("x", "FP32", -1, 2)], outputs: [tensor("total", "FP32", -1, 1), tensor("label", "BYTES", -1)] },
  ],
  ["flat", { inputs: [tensor("x", "INT32", 2)], outputs: [tensor("y", "INT32", 2)] }],
]);

function infer(request: InferenceRequest): InferenceResponse {
  const [x] = request.inputs;
  assert.ok(x !== undefined);
  const { modelName, id } = request;
  const head = { modelName, modelVersion: "3", id, parameters: noParameters };
  if (modelName === "flat") return { ...head, outputs: [{ ...x, name: "y" }] };
  if (x.shape[1] !== 2) throw new InferenceError("invalid", `unexpected shape for input 'x'`);
  const values = Array.from(readTensor(x) as Float32Array);
  const totals = Array.from({ length: values.length / 2 }, (_, i) => values[2 * i]! + values[2 * i + 1]!);
  const outputs = [
    createTensor("total", "FP32", [totals.length, 1], totals),
    createTensor(
      "label",
      "BYTES",
      [totals.length],
      totals.map((total) => (total > 5 ? "high" : "low")),
    ),
  ];
  const wanted = request.requestedOutputs.map(({ name }) => name);
  return { ...head, outputs: outputs.filter(({ name }) => wanted.length === 0 || wanted.includes(name)) };
}

const fake = await new KserveFake({
  infer,
  control: {
    ModelMetadata: ({ name }: { name: string }) => {
      const found = metadata.get(name);
      if (found === undefined)
        throw new InferenceError("not_found", `Request for unknown model: '${name}' is not found`);
      return { name, versions: ["3"], platform: "onnxruntime_onnx", ...found };
    },
    ModelConfig: ({ name }: { name: string }) => ({
      config: { name, max_batch_size: name === "sum" ? 2 : 0 },
    }),
    RepositoryIndex: () => ({
      models: [
        { name: "sum", version: "3", state: "READY" },
        { name: "broken", version: "1", state: "UNAVAILABLE", reason: "no ONNX file" },
        ...goneModels,
      ],
    }),
    ModelStatistics: ({ name }: { name: string }) => ({
      model_stats: [
        {
          name,
          version: "3",
          inference_count: "10",
          execution_count: "4",
          inference_stats: { fail: { count: "1", ns: "5" }, queue: { count: "10", ns: "25000000" } },
        },
      ],
    }),
    HealthCheck: () => ({ status: isServing ? "SERVING" : "NOT_SERVING" }),
  },
}).start();
let isServing = true;
/** Models that the index lists and that are unloaded before more is asked of them. */
let goneModels: readonly { readonly name: string; readonly version: string; readonly state: string }[] = [];
const { address } = fake;
const folder = await mkdtemp(join(tmpdir(), "sluice-cli-"));
after(async () => {
  fake.stop();
  await rm(folder, { recursive: true });
});

async function ok(argv: readonly string[], input: string | Uint8Array = ""): Promise<string> {
  const { code, out, err } = await runCommand(argv, input);
  assert.deepEqual([code, err], [0, ""]);
  return out;
}

const table = "a,b,target\n1,2,0\n3,4,1\n0.1,0.2,0\n";

test("a table is asked in requests of the model's batch size and answered as one", async () => {
  const before = fake.requests.length;
  const out = await ok(["infer", address, "sum", "--ignore", "target", "--id", "q"], table);
  assert.equal(out, "row  total  label\n  0  3      low\n  1  7      high\n  2  0.3    low\n");
  const requests = fake.requests.slice(before);
  assert.deepEqual(
    requests.map(({ inputs, id }) => [inputs[0]?.shape, id]),
    [
      [[2, 2], "q"],
      [[1, 2], "q"],
    ],
  );
});

test("--batch-size decides the requests, and a model without batches gets one", async () => {
  const counts = async (argv: readonly string[], input: string) => {
    const before = fake.requests.length;
    await ok(["infer", address, ...argv], input);
    return fake.requests.slice(before).map(({ inputs }) => inputs[0]?.shape);
  };
  assert.deepEqual(await counts(["sum", "--batch-size", "1"], "[[1,2],[3,4]]"), [
    [1, 2],
    [1, 2],
  ]);
  assert.deepEqual(await counts(["flat"], "[[1,2],[3,4]]"), [[2], [2]]);
  assert.deepEqual(await counts(["flat"], "[1,2]"), [[2]]);
});

test("answers come in every form and lose nothing", async () => {
  const csv = await ok(["infer", address, "sum", "--format", "csv"], "[[0.1,0.2],[3,4]]");
  assert.equal(csv, "total,label\n0.3,low\n7,high\n");
  const json = await ok(["infer", address, "sum", "--json"], "[[0.1,0.2]]");
  assert.deepEqual(JSON.parse(json), {
    model_name: "sum",
    model_version: "3",
    outputs: [
      { name: "total", datatype: "FP32", shape: [1, 1], data: [0.3] },
      { name: "label", datatype: "BYTES", shape: [1], data: ["low"] },
    ],
  });
  const { outBytes } = await runCommand(
    ["infer", address, "flat", "--format", "npy"],
    encodeNpy(createTensor("", "INT64", [2, 2], [1, 2, 3, 4])),
  );
  assert.deepEqual(outBytes, Buffer.from(encodeNpy(createTensor("", "INT32", [2, 2], [1, 2, 3, 4]))));
});

test("files are read and written", async () => {
  const [input, output] = [join(folder, "in.csv"), join(folder, "out.csv")];
  await writeFile(input, "a,b\n1,2\n");
  const out = await ok(["infer", address, "sum", "--input", input, "--output", output, "--format", "csv"]);
  assert.deepEqual([out, await readFile(output, "utf8")], ["", "total,label\n3,low\n"]);
});

test("KServe requests go as they are, one or several", async () => {
  const request = (data: unknown) =>
    JSON.stringify({
      id: "k",
      parameters: { priority: 1 },
      inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data }],
      outputs: [{ name: "label" }],
    });
  const out = await ok(["infer", address, "sum", "--json"], `${request([1, 2])}\n${request([[4, 5]])}\n`);
  const answers = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    answers.map(({ id, outputs }) => [id, outputs[0].data]),
    [
      ["k", ["low"]],
      ["k", ["high"]],
    ],
  );
  assert.equal(fake.requests.at(-1)?.parameters.get("priority"), 1);
});

test("what fails ends with 1 and the server's text, what is used wrongly with 2", async () => {
  const cases: readonly (readonly [argv: readonly string[], input: string, code: number, message: RegExp])[] = [
    [
      ["infer", address, "nobody"],
      "[[1,2]]",
      1,
      /^sluice infer: NOT_FOUND: Request for unknown model: 'nobody' is not found\n$/,
    ],
    [["infer", address, "sum"], table, 2, /3 columns do not make a row.*--ignore 'target'/],
    [
      ["infer", address, "sum"],
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}',
      1,
      /INVALID_ARGUMENT: unexpected shape/,
    ],
    [
      ["infer", address, "sum"],
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2]}]}',
      1,
      /takes 3 values, got 2/,
    ],
    [
      ["infer", address, "sum"],
      '{"inputs":[{"name":"x","datatype":"FLOAT","shape":[1],"data":[1]}]}',
      2,
      /datatype "FLOAT", expected one of BOOL/,
    ],
    [["infer", address, "sum", "--format", "npy"], "[[1,2]]", 2, /'total', 'label': choose one with --output-name/],
    [["infer", address, "sum", "--input", join(folder, "none")], "", 1, /ENOENT.*none/],
    [["infer", "localhost", "sum"], "[[1,2]]", 2, /address 'localhost' is no gRPC address/],
    [["infer", "127.0.0.1:1", "sum"], "[[1,2]]", 1, /UNAVAILABLE: .*ECONNREFUSED 127.0.0.1:1\.\n$/],
    [["inspect", join(folder, "none")], "", 2, /no file, no folder and no address\/model/],
    [["inspect", folder], "", 2, /no model's folder/],
  ];
  for (const [argv, input, code, message] of cases) {
    const result = await runCommand(argv, input);
    assert.deepEqual([result.code, result.out], [code, ""], argv.join(" "));
    assert.match(result.err, message);
    assert.doesNotMatch(result.err, /\n\s+at /);
  }
});

test("models are listed with what is known about them", async () => {
  const out = await ok(["models", address]);
  assert.equal(
    out.replaceAll(/ +/g, " "),
    [
      "model version state inputs outputs rows runs failed queue ms run ms",
      "sum 3 READY x FP32 [-1,2] total FP32 [-1,1], label BYTES [-1] 10 4 1 2.500 -",
      "broken 1 UNAVAILABLE: no ONNX file",
      "",
    ].join("\n"),
  );
  const { models } = JSON.parse(await ok(["models", address, "--json"]));
  assert.deepEqual(
    [models[0].metadata.name, models[0].statistics.inferenceCount, models[1].state],
    ["sum", 10, "UNAVAILABLE"],
  );
});

test("a model that is unloaded while models are listed keeps nobody from seeing the others", async () => {
  goneModels = [{ name: "gone", version: "1", state: "READY" }];
  const { models } = JSON.parse(await ok(["models", address, "--json"]));
  goneModels = [];
  assert.deepEqual(
    models.map(({ name, metadata }: { name: string; metadata?: object }) => [name, metadata !== undefined]),
    [
      ["sum", true],
      ["broken", false],
      ["gone", false],
    ],
  );
});

test("health is the exit code", async () => {
  assert.equal(await ok(["health", address]), "SERVING\n");
  isServing = false;
  const { code, out } = await runCommand(["health", address]);
  assert.deepEqual([code, out], [1, "NOT_SERVING\n"]);
});

test("a model is inspected on a server and on disk", async () => {
  const remote = await ok(["inspect", `${address}/sum/3`]);
  assert.match(remote, /input +x FP32 \[-1,2\]\n/);
  assert.match(remote, /max_batch_size +2\n/);
  const local = await ok(["inspect", "examples/repository/digits"]);
  for (const line of [
    /^model +digits version 1\n/,
    /served +yes/,
    /input +features FP32 \[\?,64\]/,
    /batching +on: /,
    /predicts +multiclass classification, guessed from the outputs: scores 'probabilities'; classes zero, one, two, three, four and 5 more/,
    /MatMul +ai\.onnx +2/,
    /max_batch_size: 64/,
  ]) {
    assert.match(local, line);
  }
  const inspection = JSON.parse(await ok(["inspect", "examples/repository/digits/1/model.onnx", "--json"]));
  assert.equal(inspection.summary.inputs[0].datatype, "FP32");
});

test("a model that would be refused is described with its reason and ends with 1", async () => {
  const file = join(folder, "broken.onnx");
  await writeFile(file, "this is no model");
  const broken = await runCommand(["inspect", file]);
  assert.equal(broken.code, 1);
  assert.match(broken.out, /served +no: /);
  const model = join(folder, "digits");
  await mkdir(join(model, "1"), { recursive: true });
  await writeFile(join(model, "1", "model.onnx"), await readFile("examples/repository/digits/1/model.onnx"));
  await writeFile(join(model, "config.pbtxt"), 'name: "other"');
  const misnamed = await runCommand(["inspect", model]);
  assert.equal(misnamed.code, 1);
  assert.match(misnamed.out, /served +no: name is "other".*'digits'\n[\s\S]*input +features FP32/);
});

test("what a model predicts is told as the server would find it, monitor.yaml and all", async () => {
  const model = join(folder, "told");
  await mkdir(join(model, "1"), { recursive: true });
  await writeFile(join(model, "1", "model.onnx"), await readFile("examples/repository/digits/1/model.onnx"));
  const inspect = async (yaml: string) => {
    await writeFile(join(model, "monitor.yaml"), yaml);
    return (await runCommand(["inspect", model])).out;
  };
  const labels = "labels: [a, b, c, d, e, f, g, h, i, j]";
  const outputs = "outputs: {label: label, scores: probabilities}";
  assert.match(
    await inspect(`task: multiclass\n${labels}\n${outputs}`),
    /predicts +multiclass classification, as monitor.yaml says; classes a, b, c, d, e and 5 more\n/,
  );
  assert.match(await inspect("task: off"), /predicts +monitor.yaml switches it off\n/);
  assert.match(await inspect("labels: [a, b]"), /served +no: monitor.yaml: output 'probabilities' has 10 scores/);
  assert.match(await inspect("lables: [a, b]"), /served +no: monitor.yaml: .*labels/);
});
