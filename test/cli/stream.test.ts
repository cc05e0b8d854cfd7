import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeNpy } from "../../src/cli/npy.ts";
import { run } from "../../src/cli/run.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, type InferenceResponse, noParameters } from "../../src/inference.ts";
import type { Tensor } from "../../src/tensor.ts";
import { CommandFake, runCommand } from "../support/command-fake.ts";
import { KserveFake } from "../support/kserve-fake.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const tensor = (name: string, datatype: string, ...shape: number[]) => ({ name, datatype, shape: shape.map(String) });

/** Models whose answers can be told from their inputs. `sum` refuses rows with a negative first value. */
const metadata = new Map([
  [
    "sum",
    {
      inputs: [tensor("x", "FP32", -1, 2)],
      outputs: [tensor("pair", "FP32", -1, 2), tensor("label", "BYTES", -1)],
    },
  ],
  ["flat", { inputs: [tensor("x", "INT32", 2)], outputs: [] }],
  ["mixed", { inputs: [tensor("age", "INT64", -1, 1), tensor("city", "BYTES", -1)], outputs: [] }],
]);

let version = "3";
let whenAsked: (request: InferenceRequest) => void = () => {};

function infer(request: InferenceRequest): InferenceResponse {
  whenAsked(request);
  const { modelName, id, inputs } = request;
  const head = { modelName, modelVersion: version, id, parameters: noParameters };
  const [first, second] = inputs;
  assert.ok(first !== undefined);
  if (modelName === "flat") return { ...head, outputs: [{ ...first, name: "y" }] };
  if (modelName === "mixed") {
    return {
      ...head,
      outputs: [
        { ...first, name: "years" },
        { ...(second ?? first), name: "place" },
      ],
    };
  }
  const values = readTensor(first) as Float32Array;
  const rows = Array.from(
    { length: values.length / 2 },
    (_, i) => [values[2 * i] ?? 0, values[2 * i + 1] ?? 0] as const,
  );
  if (rows.some(([a]) => a < 0)) throw new InferenceError("invalid", "a negative value");
  const classCount = request.requestedOutputs.find(({ name }) => name === "pair")?.classificationCount ?? 0;
  const labels = rows.map(([a, b]) => (a + b > 5 ? "high" : "low"));
  return {
    ...head,
    outputs: [
      ...(classCount > 0 ? [classesOf(rows, classCount)] : []),
      createTensor(
        "total",
        "FP32",
        [rows.length, 1],
        rows.map(([a, b]) => a + b),
      ),
      ...(classCount > 0 ? [] : [createTensor("pair", "FP32", [rows.length, 2], rows.flat())]),
      createTensor("label", "BYTES", [rows.length], labels),
    ].filter(
      ({ name }) =>
        request.requestedOutputs.length === 0 || request.requestedOutputs.some((output) => output.name === name),
    ),
  };
}

/** The second value has the label b, the first has none. */
function classesOf(rows: readonly (readonly [number, number])[], count: number): Tensor {
  const texts = rows.flatMap(([a, b]) => {
    const classes = [`${a.toFixed(6)}:0`, `${b.toFixed(6)}:1:b`];
    return (a >= b ? classes : classes.toReversed()).slice(0, count);
  });
  return createTensor("pair", "BYTES", [rows.length, count], texts);
}

const fake = await new KserveFake({
  infer,
  control: {
    ServerMetadata: () => ({ name: serverName, version: "1", extensions: [] }),
    ModelMetadata: ({ name, version: asked }: { name: string; version: string }) => {
      const found = metadata.get(name);
      if (found === undefined || (asked !== "" && asked !== version)) {
        throw new InferenceError("not_found", `Request for unknown model: '${name}' version ${asked} is not found`);
      }
      return { name, versions: [version], platform: "onnxruntime_onnx", ...found };
    },
    ModelConfig: ({ name }: { name: string }) => ({ config: { name, max_batch_size: name === "sum" ? 4 : 0 } }),
  },
}).start();
let serverName = "sluice";
const { address } = fake;
after(() => fake.stop());
const folder = temporaryFolder({ after });

const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `${from + i},0.5`).join("\n");

/** Runs to a good end; what it printed. */
async function ok(argv: readonly string[], input: string | Uint8Array = ""): Promise<string> {
  const { code, out, err } = await runCommand(["stream", address, ...argv], input);
  assert.equal(code, 0, err);
  return out;
}

test("a stream of rows is answered in every form", async () => {
  const csv = await ok(["sum"], "a,b\n0.1,0.2\n3,4\n");
  assert.equal(csv, "total,pair_0,pair_1,label\n0.3,0.1,0.2,low\n7,3,4,high\n");
  const lines = await ok(["sum"], '{"a":0.1,"b":0.2}\n{"a":3,"b":4}\n');
  assert.equal(lines, '{"total":[0.3],"pair":[0.1,0.2],"label":"low"}\n{"total":[7],"pair":[3,4],"label":"high"}\n');
  const array = encodeNpy(createTensor("", "FP64", [2, 2], [1, 2, 3, 4]));
  assert.equal(await ok(["sum", "--format", "csv", "--output-name", "pair"], array), "pair_0,pair_1\n1,2\n3,4\n");
});

test("columns go to the inputs of their names, kept ones beside the answer, and one row a message where nothing batches", async () => {
  const before = fake.requests.length;
  const table = 'id,city,age\n007,Rome,4\n008,"a,b",9007199254740993\n';
  assert.equal(await ok(["mixed", "--keep", "id"], table), 'id,years,place\n007,4,Rome\n008,9007199254740993,"a,b"\n');
  assert.equal(await ok(["flat"], "[1,2]\n[3,4]\n"), '{"y":[1,2]}\n{"y":[3,4]}\n');
  assert.deepEqual(
    fake.requests.slice(before).map(({ inputs }) => inputs.map(({ shape }) => shape.join())),
    [["2,1", "2"], ["2"], ["2"]],
  );
});

test("classes are written as values", async () => {
  const table = "a,b\n1,2\n5,4\n";
  assert.equal(
    await ok(["sum", "--classes", "2"], table),
    "pair_value_0,pair_value_1,pair_index_0,pair_index_1,pair_label_0,pair_label_1,label\n2,1,1,0,b,,low\n5,4,0,1,,b,high\n",
  );
  assert.equal(
    await ok(["sum", "--classes", "1", "--output-name", "pair"], table),
    "pair_value,pair_index,pair_label\n2,1,b\n5,0,\n",
  );
});

test("the mapping is told once, and the version that answers first is asked from then on", async () => {
  const before = fake.requests.length;
  const argv = [
    "stream",
    address,
    "sum",
    "--ignore",
    "t",
    "--keep",
    "t",
    "--rows-per-message",
    "2",
    "--output-name",
    "total",
  ];
  const { out, err } = await runCommand(argv, "a,t,b\n1,x,2\n3,y,4\n5,z,6\n");
  assert.equal(out, "t,total\nx,3\ny,7\nz,11\n");
  assert.deepEqual(err.split("\n").slice(0, 4), [
    "standard input: csv, 3 columns",
    "  sum x FP32 [2] <- a (INT64), b (INT64)",
    "  kept <- t (BYTES)",
    "  2 rows a message",
  ]);
  assert.deepEqual(
    fake.requests.slice(before).map(({ modelVersion, id }) => [modelVersion, id]),
    [
      ["", "0"],
      ["3", "2"],
    ],
  );
});

test("another server than sluice gets no more rows than a batch takes", async () => {
  serverName = "triton";
  const { err } = await runCommand(["stream", address, "sum"], `a,b\n${rows(9)}\n`);
  assert.match(err, /4 rows a message/);
  const { code, err: refused } = await runCommand(["stream", address, "sum", "--rows-per-message", "5"], "a,b\n1,2\n");
  serverName = "sluice";
  assert.equal(code, 2);
  assert.match(refused, /--rows-per-message is 5, but this server takes at most 4 rows in a message/);
});

test("rows that the model refuses end the run, which can be continued once they are left out", async () => {
  const [input, output] = [join(folder, "refused.csv"), join(folder, "refused-out.csv")];
  writeFileSync(input, `a,b\n${rows(5)}\n-1,0\n${rows(5, 6)}\n-2,0\n${rows(3, 12)}\n`);
  const argv = [
    "stream",
    address,
    "sum",
    "--input",
    input,
    "--output",
    output,
    "--rows-per-message",
    "4",
    "--output-name",
    "total",
  ];
  const stopped = await runCommand(argv);
  assert.deepEqual([stopped.code, stopped.out], [1, ""]);
  assert.match(stopped.err, /failed: .*refused-out\.csv\.partial is complete up to here; run the same command again/);
  assert.match(stopped.err, /sluice stream: INVALID_ARGUMENT: rows 4 to 7: a negative value/);
  assert.ok(!existsSync(output));
  const skipped = await runCommand([...argv, "--on-error", "skip", "--json"]);
  assert.equal(skipped.code, 0);
  const { seconds, ...summary } = JSON.parse(skipped.out);
  assert.ok(seconds > 0);
  assert.deepEqual(summary, {
    complete: true,
    rows: 13,
    rowsOfEarlierRuns: 4,
    skippedRows: 2,
    skipped: [
      { firstRow: 5, rowCount: 1, message: "INVALID_ARGUMENT: a negative value" },
      { firstRow: 11, rowCount: 1, message: "INVALID_ARGUMENT: a negative value" },
    ],
    modelVersion: "3",
  });
  const totals = readFileSync(output, "utf8").trimEnd().split("\n").slice(1);
  assert.deepEqual(
    totals,
    [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 14].map((row) => String(row + 0.5)),
  );
});

test("a failure that says nothing about the rows is no reason to leave them out", async () => {
  const input = join(folder, "gone.csv");
  writeFileSync(input, `a,b\n${rows(8)}\n`);
  whenAsked = ({ id }) => {
    if (id === "4") throw new InferenceError("draining", "the server is being stopped");
  };
  const output = join(folder, "gone-out.csv");
  const argv = [
    "stream",
    address,
    "sum",
    "--input",
    input,
    "--output",
    output,
    "--rows-per-message",
    "2",
    "--on-error",
    "skip",
  ];
  const { code, err } = await runCommand(argv);
  whenAsked = () => {};
  assert.equal(code, 1);
  assert.match(err, /UNAVAILABLE: rows 4 to 5: the server is being stopped/);
  assert.equal((await runCommand(argv)).code, 0);
  assert.equal(readFileSync(output, "utf8").split("\n").length, 10);
});

test("a broken row ends the run behind the answers to those before it", async () => {
  const [input, output] = [join(folder, "broken.csv"), join(folder, "broken-out.csv")];
  writeFileSync(input, `a,b\n${rows(1500)}\n1,x\n`);
  const { code, err } = await runCommand([
    ...["stream", address, "sum", "--input", input, "--output", output, "--rows-per-message", "100"],
  ]);
  assert.equal(code, 1);
  assert.match(err, /1,500 rows in/);
  assert.match(err, /broken\.csv: column 'b' in line 1502 is "x", expected a number/);
});

test("an output begun with a version that is gone is not continued", async () => {
  const [input, output] = [join(folder, "old.csv"), join(folder, "old-out.csv")];
  writeFileSync(input, `a,b\n${rows(4)}\n-1,0\n`);
  const argv = ["stream", address, "sum", "--input", input, "--output", output, "--rows-per-message", "2"];
  assert.equal((await runCommand(argv)).code, 1);
  version = "4";
  const { code, err } = await runCommand(argv);
  version = "3";
  assert.equal(code, 2);
  assert.match(
    err,
    /begun with version 3 of the model, which does not serve: .*version 3 is not found; --restart starts anew/,
  );
});

test("an interrupt writes what is answered, says how to continue and ends with 1", async () => {
  const [input, output] = [join(folder, "int.csv"), join(folder, "int-out.csv")];
  writeFileSync(input, `a,b\n${rows(1000)}\n`);
  const argv = [
    "stream",
    address,
    "sum",
    "--input",
    input,
    "--output",
    output,
    "--rows-per-message",
    "1",
    "--output-name",
    "total",
  ];
  const context = new CommandFake();
  whenAsked = ({ id }) => {
    if (id === "500") context.signals.emit("SIGINT", "SIGINT");
  };
  const code = await run(argv, context);
  whenAsked = () => {};
  assert.equal(code, 1);
  assert.match(context.stderr.text, /SIGINT: writing what is answered/);
  assert.match(context.stderr.text, /interrupted: .* run the same command again to continue/);
  const written = readFileSync(`${output}.partial`, "utf8").trimEnd().split("\n").length - 1;
  assert.ok(written >= 500 && written < 1000, `${written} rows`);
  const { code: last, err } = await runCommand(argv);
  assert.equal(last, 0);
  assert.match(err, new RegExp(`continuing .* behind ${written} rows`));
  const totals = readFileSync(output, "utf8").trimEnd().split("\n").slice(1);
  assert.deepEqual(
    totals,
    Array.from({ length: 1000 }, (_, row) => String(row + 0.5)),
  );
});

test("what cannot be is refused before anything is asked", async () => {
  const cases: readonly (readonly [argv: readonly string[], input: string, code: number, message: RegExp])[] = [
    [["sum"], "a,b,target\n1,2,3\n", 2, /3 columns do not make a row of input 'x'.*--ignore 'target'/],
    [["sum", "--keep", "z"], "a,b\n1,2\n", 2, /--keep 'z': no such column, the input has a, b/],
    [["sum", "--output", join(folder, "x.txt")], "a,b\n1,2\n", 2, /--output '.*x\.txt' tells no format: add --format/],
    [
      ["sum", "--output", join(folder, "x.npy")],
      "a,b\n1,2\n",
      2,
      /an NPY file holds one array, the output has 'total', 'pair', 'label'/,
    ],
    [["sum", "--format", "npy", "--output-name", "total"], "a,b\n1,2\n", 2, /--format npy needs --output FILE/],
    [["sum"], "a,b\n", 1, /standard input: no rows/],
    [["sum"], "", 1, /no header line, the file is empty/],
    [["nobody"], "a,b\n1,2\n", 1, /NOT_FOUND/],
  ];
  for (const [argv, input, code, message] of cases) {
    const result = await runCommand(["stream", address, ...argv], input);
    assert.equal(result.code, code, result.err);
    assert.match(result.err, message);
    assert.doesNotMatch(result.err, /\n\s+at /);
  }
});
