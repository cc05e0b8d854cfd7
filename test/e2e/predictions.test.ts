import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import type { StreamResult } from "../../src/client/stream-result.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { InferenceResponse } from "../../src/inference.ts";
import type { RunningServer } from "../../src/serve.ts";
import { type AloneTensors, floats, OnnxAlone } from "../support/onnx-alone.ts";
import { featureRows } from "../support/table-rows.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";
import { writeWithZipMapInput } from "../support/zip-map-input.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");

/** Rows of one request in the second way of asking. */
const rowsAtATime = 32;

const streams = 16;

/** How often streams send all rows: the first hundreds come slowly, until their code is compiled, and find the instance idle. */
const rounds = 4;

/** A demo model, what it is called alone, and its held-out rows. */
interface Demo {
  readonly name: string;
  readonly rows: readonly Float32Array[];
  /** The output of the model file that each of the server's outputs is compared with. */
  readonly sameAs: ReadonlyMap<string, string>;
  /** What onnxruntime-node alone answers to the rows in groups of so many. */
  alone(rowsOfRun: number): Promise<readonly AloneTensors[]>;
}

suite("held-out rows of the demo models", () => {
  const models = ["breast_cancer", "diabetes", "digits"] as const;
  const demos = new Map<string, Demo>();
  const folder = temporaryFolder({ after });
  const onnx = new OnnxAlone();
  let server: RunningServer;
  let client: InferenceClient;

  before(async () => {
    for (const name of models) demos.set(name, createDemo(name, folder, onnx));
    server = await startTestServer(join(examples, "repository"));
    client = InferenceClient.connect(server.grpcAddress);
  });
  after(async () => {
    onnx.close();
    client.close();
    await server.stop();
  });

  for (const name of models) {
    const demo = () => demos.get(name) as Demo; // made before the tests run

    test(`${name}: one by one, bit for bit as onnxruntime alone`, async () => {
      const expected = await demo().alone(1);
      for (const [i, row] of demo().rows.entries()) {
        assertSame(demo(), await client.infer(ask(name, [row], `row-${i}`)), `row-${i}`, expected[i], exactly);
      }
    });

    test(`${name}: ${rowsAtATime} at a time, bit for bit as onnxruntime alone`, async () => {
      const expected = await demo().alone(rowsAtATime);
      for (const [i, rows] of groups(demo().rows, rowsAtATime).entries()) {
        assertSame(demo(), await client.infer(ask(name, rows, `group-${i}`)), `group-${i}`, expected[i], exactly);
      }
    });

    test(`${name}: all rows in one request, which is more than a batch takes`, async () => {
      const request = ask(name, demo().rows, "all");
      if (name === "digits") {
        // Its configuration writes max_batch_size, and Triton refuses what exceeds a written one.
        return assert.rejects(client.infer(request), {
          status: "INVALID_ARGUMENT",
          message: /must be <= 64 for 'digits'/,
        });
      }
      const [expected] = await demo().alone(demo().rows.length);
      assertSame(demo(), await client.infer(request), "all", expected, closely);
    });

    test(`${name}: through one stream, in order and within rounding, in shared batches`, async () => {
      await assertStreams(demo(), 1);
    });

    test(`${name}: through ${streams} streams at once, each answer to its own question`, async () => {
      await assertStreams(demo(), streams);
    });
  }

  /** Sends the rows over so many streams, one row a message, and checks every answer and that batches formed. */
  async function assertStreams(demo: Demo, count: number): Promise<void> {
    const expected = await demo.alone(1);
    const before = await counters(demo.name);
    const numbered = Array.from({ length: rounds }, () => demo.rows.map((row, i) => ({ row, i }))).flat();
    const shares = Array.from({ length: count }, (_, stream) => numbered.filter((_, i) => i % count === stream));
    await Promise.all(
      shares.map(async (share) => {
        // Checked once all are there: a client that checks while it reads sends more slowly than one row at a time is answered.
        const answers: StreamResult[] = [];
        const questions = share.map(({ row, i }) => ask(demo.name, [row], `row-${i}`));
        for await (const result of client.inferStream(questions)) answers.push(result);
        assert.equal(answers.length, share.length, "an answer to every question");
        for (const [position, { i }] of share.entries()) {
          const { response, error } = answers[position] ?? {};
          assert.ok(response, error?.message);
          assertSame(demo, response, `row-${i}`, expected[i], closely);
        }
      }),
    );
    const now = await counters(demo.name);
    const executions = now.executionCount - before.executionCount;
    assert.equal(now.inferenceCount - before.inferenceCount, numbered.length);
    assert.ok(executions <= numbered.length / 2, `${numbered.length} rows took ${executions} executions`);
  }

  async function counters(model: string) {
    const [counted] = await client.statistics(model);
    assert.ok(counted);
    return counted;
  }
});

function createDemo(name: string, folder: string, onnx: OnnxAlone): Demo {
  const file = join(examples, "repository", name, "1", "model.onnx");
  const rows = featureRows(join(examples, "data", `${name}.csv`));
  const copy = join(folder, `${name}.onnx`);
  const sameAs: Readonly<Record<string, () => [string, string][]>> = {
    breast_cancer: () => [
      ["output_label", "output_label"],
      ["output_probability", writeWithZipMapInput(file, copy)],
    ],
    digits: () => [["probabilities", "probabilities"]],
    diabetes: () => [["variable", "variable"]],
  };
  const outputs = new Map(sameAs[name]?.() ?? []);
  return {
    name,
    rows,
    sameAs: outputs,
    alone: (rowsOfRun) => {
      const runs = groups(rows, rowsOfRun).map((group) => ({
        features: floats([group.length, width(group)], joined(group)),
      }));
      return onnx.run(name === "breast_cancer" ? copy : file, runs, [...outputs.values()]);
    },
  };
}

function ask(model: string, rows: readonly Float32Array[], id: string) {
  return { model, id, inputs: [createTensor("features", "FP32", [rows.length, width(rows)], joined(rows))] };
}

function width([row]: readonly Float32Array[]): number {
  return row?.length ?? 0;
}

function joined(rows: readonly Float32Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

function groups<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

type Comparison = (got: number, want: number) => boolean;
const exactly: Comparison = (got, want) => Object.is(got, want);
const closely: Comparison = (got, want) => Math.abs(got - want) <= 1e-5 * Math.max(1, Math.abs(want));

function assertSame(
  demo: Demo,
  answer: InferenceResponse,
  id: string,
  alone: AloneTensors | undefined,
  isSame: Comparison,
) {
  assert.equal(answer.id, id);
  assert.deepEqual(answer.outputs.map(({ name }) => name).sort(), [...demo.sameAs.keys()].sort());
  for (const output of answer.outputs) {
    const want = alone?.[demo.sameAs.get(output.name) ?? ""]?.data as ArrayLike<number | bigint>; // numbers in all demo models
    const got = readTensor(output) as ArrayLike<number | bigint>;
    assert.equal(got.length, want.length);
    for (let i = 0; i < want.length; i++) {
      const [have, expected] = [Number(got[i]), Number(want[i])];
      if (!isSame(have, expected))
        assert.fail(`${id}: element ${i} of ${output.name} is ${have}, expected ${expected}`);
    }
  }
}
