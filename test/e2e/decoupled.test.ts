import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import fc from "fast-check";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { InferenceResponse } from "../../src/inference.ts";
import type { RunningServer } from "../../src/serve.ts";
import { FLOAT, modelBytes, node, value } from "../model/build-model.ts";
import { PlainStub } from "../support/plain-stub.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const text = 8;

/** Rows of any length: doubled, and negated with two columns an element. */
const arithmetic = modelBytes({
  node: [
    node("Add", ["X", "X"], ["DOUBLED"]),
    node("Neg", ["X"], ["NEGATED"]),
    node("Unsqueeze", ["NEGATED", "last"], ["column"]),
    node("Concat", ["column", "column"], ["PAIRS"], { attribute: [{ name: "axis", type: 2, i: 2 }] }),
  ],
  initializer: [{ name: "last", dims: [1], data_type: 7, int64_data: [2] }],
  input: [value("X", FLOAT, ["N", "T"])],
  output: [value("DOUBLED", FLOAT, ["N", "T"]), value("PAIRS", FLOAT, ["N", "T", 2])],
});
const copy = modelBytes({
  node: [node("Identity", ["X"], ["Y"])],
  input: [value("X", text, ["N", "T"])],
  output: [value("Y", text, ["N", "T"])],
});

const tensors = `input { name: "X" data_type: TYPE_FP32 dims: [ -1 ] }
  output { name: "DOUBLED" data_type: TYPE_FP32 dims: [ -1 ] } output { name: "PAIRS" data_type: TYPE_FP32 dims: [ -1, 2 ] }`;
const textTensors = `input { name: "X" data_type: TYPE_STRING dims: [ -1 ] } output { name: "Y" data_type: TYPE_STRING dims: [ -1 ] }`;
const batching = "max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 1000 }";
const parameter = (key: string, setting: number) => `parameters { key: "${key}" value { string_value: "${setting}" } }`;
const chunks = (axis: number, size: number) =>
  parameter("sluice_chunk_axis", axis) + parameter("sluice_chunk_size", size);

const models: readonly [name: string, config: string, bytes: Buffer][] = [
  ["whole", `${batching} ${tensors}`, arithmetic],
  ["pieces", `${batching} ${tensors} ${chunks(1, 3)}`, arithmetic],
  ["rows", `${batching} ${tensors} ${chunks(0, 1)} model_transaction_policy { decoupled: true }`, arithmetic],
  ["words", `${batching} ${textTensors} ${chunks(-1, 2)}`, copy],
  ["one", `${batching} ${tensors} model_transaction_policy { decoupled: true }`, arithmetic],
];

const rowsOf = (rows: readonly (readonly number[])[]) =>
  createTensor("X", "FP32", [rows.length, rows[0]?.length ?? 0], Float32Array.from(rows.flat()));
const finalOnly = { triton_enable_empty_final_response: true };

suite("decoupled models", () => {
  const folder = temporaryFolder({ after });
  let server: RunningServer;
  let client: InferenceClient;
  let stub: PlainStub;

  before(async () => {
    for (const [name, config, bytes] of models) {
      mkdirSync(join(folder, name, "1"), { recursive: true });
      writeFileSync(join(folder, name, "config.pbtxt"), config);
      writeFileSync(join(folder, name, "1", "model.onnx"), bytes);
    }
    server = await startTestServer(folder);
    assert.deepEqual(await server.started, []);
    client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
    stub = new PlainStub(server.grpcAddress);
  });
  after(async () => {
    stub.close();
    client.close();
    await server.stop();
  });

  /** The answers to each request, in the order in which they came. */
  async function ask(model: string, inputs: ReturnType<typeof rowsOf>[]): Promise<InferenceResponse[][]> {
    const answers = inputs.map((): InferenceResponse[] => []);
    const isEnded = inputs.map(() => false);
    const requests = inputs.map((input, i) => ({ model, id: String(i), inputs: [input], parameters: finalOnly }));
    for await (const { id, isFinal, response, error } of client.inferStream(requests)) {
      if (response === undefined) throw error;
      assert.equal(isEnded[Number(id)], false, "nothing follows the last answer");
      isEnded[Number(id)] = isFinal;
      if (response.outputs.length > 0) answers[Number(id)]!.push(response);
    }
    assert.ok(isEnded.every(Boolean), "each request has ended");
    return answers;
  }

  const valuesOf = (response: InferenceResponse | undefined, output: number): number[] =>
    response === undefined ? [] : [...(readTensor(response.outputs[output]!) as Float32Array)];

  test("put together, the answers are those of the same model uncut, for requests that share batches", async () => {
    const row = fc.float({ noNaN: true, min: -1000, max: 1000 });
    const matrix = fc
      .record({ rows: fc.integer({ min: 1, max: 4 }), columns: fc.constantFrom(0, 1, 2, 3, 7, 7, 7, 12) })
      .chain(({ rows, columns }) =>
        fc.array(fc.array(row, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(matrix, { minLength: 1, maxLength: 24 }), async (matrices) => {
        const whole = await ask("whole", matrices.map(rowsOf));
        const pieces = await ask("pieces", matrices.map(rowsOf));
        const rows = await ask("rows", matrices.map(rowsOf));
        for (const [i, matrix] of matrices.entries()) {
          const columns = matrix[0]?.length ?? 0;
          assert.equal(pieces[i]!.length, Math.ceil(columns / 3));
          assert.equal(rows[i]!.length, matrix.length);
          for (const output of [0, 1]) {
            const expected = valuesOf(whole[i]![0], output);
            assert.deepEqual(
              rows[i]!.flatMap((answer) => valuesOf(answer, output)),
              expected,
            );
            const width = output === 0 ? 1 : 2;
            const joined = matrix.flatMap((_, r) =>
              pieces[i]!.flatMap((answer) => {
                const length = (answer.outputs[output]?.shape[1] ?? 0) * width;
                return valuesOf(answer, output).slice(r * length, (r + 1) * length);
              }),
            );
            assert.deepEqual(joined, expected);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  test("texts are cut between elements", async () => {
    const elements = ["", "a", "schön", "日本", "e"];
    const [answers = []] = await ask("words", [createTensor("X", "BYTES", [1, 5], elements)]);
    assert.deepEqual(
      answers.map(({ outputs: [y] }) => (readTensor(y!) as Buffer[]).map(String)),
      [["", "a"], ["schön", "日本"], ["e"]],
    );
  });

  test("show themselves in ModelConfig, refuse ModelInfer, and serve one answer where nothing is cut", async () => {
    for (const name of ["pieces", "rows", "words", "one"]) {
      const { config } = (await stub.call("ModelConfig", { name })) as { config: Record<string, unknown> };
      assert.deepEqual(config.model_transaction_policy, { decoupled: true });
      await assert.rejects(client.infer({ model: name, inputs: [rowsOf([[1]])] }), {
        status: "UNIMPLEMENTED",
        message: /ModelInfer RPC doesn't support models with decoupled transaction policy/,
      });
    }
    const [answers = []] = await ask("one", [rowsOf([[1, 2, 3, 4]])]);
    assert.deepEqual(
      answers.map((answer) => valuesOf(answer, 0)),
      [[2, 4, 6, 8]],
    );
  });

  test("count each answer at its place", async () => {
    const statistics = async () => {
      const { model_stats } = (await stub.call("ModelStatistics", { name: "pieces" })) as {
        model_stats: { response_stats: Record<string, Record<string, { count: string }>> }[];
      };
      const stats = model_stats[0]?.response_stats ?? {};
      const count = (place: string, outcome: string) => Number(stats[place]?.[outcome]?.count ?? 0);
      return { first: count("0", "success"), third: count("2", "success"), empty: count("0", "empty_response") };
    };
    const before = await statistics();
    await ask("pieces", [rowsOf([[1, 2, 3, 4, 5, 6, 7]]), rowsOf([[1]]), rowsOf([[], []])]);
    const { first, third, empty } = await statistics();
    assert.deepEqual(
      { first: first - before.first, third: third - before.third, empty: empty - before.empty },
      { first: 2, third: 1, empty: 1 },
    );
  });
});
