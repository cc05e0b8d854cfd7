import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import {
  createTensor,
  InferenceClient,
  type InferenceResponse,
  type Outcome,
  predictionIdOf,
  predictionTokensOf,
  readTensor,
} from "../../src/index.ts";
import type { RunningServer } from "../../src/serve.ts";
import { runCommand } from "../support/command-fake.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const examples = join(import.meta.dirname, "..", "..", "examples");
const labels = ["malignant", "benign"];
const model = "breast_cancer";
const outputs = ["output_label", "output_probability"];

const [header = "", ...lines] = readFileSync(join(examples, "data", "breast_cancer.csv"), "utf8")
  .trim()
  .split("\n");
const rows = lines.map((line) => line.split(",").map(Number));
const rowAt = (row: number) => rows[row % rows.length] ?? [];
const truthOf = (row: number) => rowAt(row).at(-1) ?? Number.NaN;

suite("outcomes", () => {
  const folder = temporaryFolder({ after });
  const repository = join(folder, "models");
  const keyFile = join(folder, "token-keys");
  let server: RunningServer;
  let client: InferenceClient;

  before(async () => {
    for (const name of [model, "diabetes"])
      cpSync(join(examples, "repository", name), join(repository, name), { recursive: true });
    writeFileSync(
      join(repository, model, "monitor.yaml"),
      `labels: [${labels.join(", ")}]\nquality: { minSamples: 1 }\n`,
    );
    writeFileSync(keyFile, randomBytes(32).toString("base64"), { mode: 0o600 });
    server = await startTestServer(repository, { tokenKeyFile: keyFile });
    client = InferenceClient.connect(server.grpcAddress);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  /** Asks about rows of the table, with an id and tokens. */
  async function predict(first: number, count: number, ask = client): Promise<InferenceResponse> {
    const features = Array.from({ length: count }, (_, i) => rowAt(first + i).slice(0, -1)).flat();
    const inputs = [createTensor("features", "FP32", [count, 30], features)];
    return await ask.infer({ model, inputs, outputs, predictionId: "", predictionTokens: true });
  }

  const statuses = async (outcomes: readonly Outcome[], to = client) =>
    (await to.reportOutcomes(outcomes)).map(({ status }) => status);

  /** Accuracy and rows that it rests on, as the monitor knows them. */
  async function accuracy(of = client): Promise<{ readonly value: number; readonly sample_count: number }> {
    const report = (await of.monitorReport(model)) as never as {
      models: readonly { quality: { metrics: readonly { name: string; value: number; sample_count: number }[] } }[];
    };
    const found = report.models[0]?.quality.metrics.find(({ name }) => name === "accuracy");
    assert.ok(found !== undefined, "an accuracy");
    return found;
  }

  test("an answer carries the id that was asked for, or one that the server made, and tokens only where they are named", async () => {
    const inputs = [createTensor("features", "FP32", [1, 30], rows[0]?.slice(0, -1) ?? [])];
    const made = await client.infer({ model, inputs, predictionId: "" });
    assert.match(predictionIdOf(made) ?? "", /^sluice-[0-9a-f]{12}-[\w-]{16}$/);
    assert.deepEqual(
      made.outputs.map(({ name }) => name),
      outputs,
    );
    const own = await client.infer({ model, inputs, outputs: ["output_label"], predictionId: "order 17" });
    assert.equal(predictionIdOf(own), "order 17");
    assert.deepEqual(
      own.outputs.map(({ name }) => name),
      ["output_label"],
    );
    assert.equal(predictionIdOf(await client.infer({ model, inputs })), undefined);
    await assert.rejects(client.infer({ model, inputs, predictionId: "x".repeat(257) }), /at most 256 characters/);
    const [streamed] = await Array.fromAsync(
      client.inferStream([{ model, inputs, outputs, predictionId: "", predictionTokens: true }]),
    );
    assert.match(predictionIdOf(streamed?.response as InferenceResponse) ?? "", /^sluice-/);
    assert.equal(predictionTokensOf(streamed?.response as InferenceResponse)?.length, 1);
  });

  test("truths that come out of order, some twice, some wrong, make the accuracy of those that count", async () => {
    const answers = [await predict(0, 64), await predict(64, 64)];
    const outcomes = answers.flatMap((answer, i) =>
      Array.from({ length: 64 }, (_, row): Outcome => {
        return { predictionId: predictionIdOf(answer) as string, row, classIndex: truthOf(64 * i + row) };
      }),
    );
    const shuffled = outcomes.toSorted((a, b) => (((a.row ?? 0) * 29) % 64) - (((b.row ?? 0) * 29) % 64));
    const twice = shuffled.filter((_, i) => i % 3 === 0);
    const forged: Outcome[] = [
      { predictionId: "invented", classIndex: 0 },
      { predictionId: outcomes[0]?.predictionId as string, row: 64, classIndex: 0 },
      { predictionToken: randomBytes(73), classIndex: 0 },
    ];
    const all = [...shuffled, ...twice, ...forged];
    const found = await statuses(all);
    assert.deepEqual(found, [
      ...shuffled.map(() => "ACCEPTED"),
      ...twice.map(() => "DUPLICATE"),
      ...["UNKNOWN", "INVALID", "FORGED"],
    ]);
    const predicted = answers.flatMap((answer) => [...(readTensor(answer.outputs[0] as never) as BigInt64Array)]);
    const correct = predicted.filter((label, row) => Number(label) === truthOf(row)).length;
    const { value, sample_count } = await accuracy();
    assert.equal(sample_count, 128);
    assert.ok(Math.abs(value - correct / 128) < 1e-12);
  });

  test("a token counts after a restart and on another replica, an id does not", async () => {
    const answer = await predict(200, 4);
    const id = predictionIdOf(answer) as string;
    const tokens = predictionTokensOf(answer) as readonly Uint8Array[];
    const other = await startTestServer(repository, { tokenKeyFile: keyFile });
    const stranger = await startTestServer(repository, {});
    const replica = InferenceClient.connect(other.grpcAddress);
    const unrelated = InferenceClient.connect(stranger.grpcAddress);
    try {
      const byToken = tokens.map(
        (predictionToken, row): Outcome => ({ predictionToken, classIndex: truthOf(200 + row) }),
      );
      assert.deepEqual(await statuses([{ predictionId: id, classIndex: 1 }], replica), ["FOREIGN"]);
      assert.deepEqual(await statuses([...byToken, ...byToken.slice(0, 1)], replica), [
        ...byToken.map(() => "ACCEPTED"),
        "DUPLICATE",
      ]);
      assert.equal((await accuracy(replica)).sample_count, 4);
      const table = `prediction_id,row,truth\n${id},1,0\nnobody,0,0\n`;
      const both = await runCommand(["outcomes", `${other.grpcAddress},${server.grpcAddress}`, model, "--json"], table);
      assert.match(both.out, /"status":"accepted","count":1,"first_row":0.*"status":"unknown","count":1,"first_row":1/);
      assert.deepEqual(
        await statuses(byToken, unrelated),
        byToken.map(() => "FORGED"),
      );
    } finally {
      replica.close();
      unrelated.close();
      await Promise.all([other.stop(), stranger.stop()]);
    }
  });

  test("keys rotate without losing a token: the new one signs, the old one verifies while it is listed", async () => {
    const [before] = predictionTokensOf(await predict(300, 1)) as readonly Uint8Array[];
    const old = readFileSync(keyFile, "utf8");
    writeFileSync(keyFile, `${randomBytes(32).toString("base64")}\n${old}`);
    server.reload();
    const [next] = predictionTokensOf(await predict(300, 1)) as readonly Uint8Array[];
    assert.notDeepEqual(next?.subarray(1, 5), before?.subarray(1, 5));
    assert.deepEqual(
      await statuses([
        { predictionToken: before, classIndex: 1 },
        { predictionToken: next, classIndex: 1 },
      ]),
      ["ACCEPTED", "ACCEPTED"],
    );
  });

  test("a stream has one result for each outcome, in order, however many there are", async () => {
    const answer = await predict(0, 500);
    const predictionId = predictionIdOf(answer) as string;
    const source = Array.from(
      { length: 1_000 },
      (_, i): Outcome => ({ predictionId, row: i % 500, classIndex: truthOf(i % 500) }),
    );
    const results = await Array.fromAsync(client.streamOutcomes(source));
    assert.deepEqual(
      results.map(({ index }) => index),
      source.map((_, i) => i),
    );
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      source,
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      source.map((_, i) => (i < 500 ? "ACCEPTED" : "DUPLICATE")),
    );
  });

  test("a correction takes the place of the first truth", async () => {
    const predictionId = predictionIdOf(await predict(0, 1)) as string;
    const wrong: Outcome = { predictionId, classIndex: 1 - truthOf(0) };
    const right: Outcome = { predictionId, classIndex: truthOf(0) };
    const correction = { ...right, isCorrection: true };
    assert.deepEqual(await statuses([wrong, right, correction]), ["ACCEPTED", "DUPLICATE", "CORRECTED"]);
  });

  for (const columns of ["--prediction-ids", "--prediction-tokens"]) {
    test(`the circle closes on the command line with ${columns}`, async () => {
      const place = join(folder, columns.slice(2));
      mkdirSync(place);
      const predictions = join(place, "predictions.csv");
      const input = join(place, "input.csv");
      writeFileSync(input, [header, ...lines].join("\n"));
      const asked = await runCommand([
        "stream",
        server.grpcAddress,
        model,
        "--input",
        input,
        "--keep",
        "target",
        "--ignore",
        "target",
        columns,
        "--output",
        predictions,
      ]);
      assert.equal(asked.code, 0, asked.err);
      const [names = ""] = readFileSync(predictions, "utf8").split("\n");
      const expected = columns === "--prediction-ids" ? "prediction_id,row" : "prediction_token";
      assert.equal(names, `target,output_label,output_probability_0,output_probability_1,${expected}`);
      const report = ["outcomes", server.grpcAddress, model, "--input", predictions, "--truth", "target"];
      const first = await runCommand([...report, "--json"]);
      assert.equal(first.code, 0, first.err);
      assert.deepEqual(JSON.parse(first.out), {
        rows: lines.length,
        unsettled: 0,
        results: [{ status: "accepted", count: lines.length, first_row: 0 }],
      });
      const again = await runCommand(report);
      assert.equal(again.code, 0, again.err);
      assert.match(
        again.out,
        /^result +outcomes +the first of them\nduplicate +171 +row 0: there is a truth about this row already/,
      );
    });
  }

  test("infer writes ids and tokens beside the answers", async () => {
    const input = join(folder, "few.csv");
    writeFileSync(input, [header, ...lines.slice(0, 100)].join("\n"));
    const columns = ["--ignore", "target", "--prediction-ids", "--prediction-tokens", "--format", "csv"];
    const { code, out, err } = await runCommand(["infer", server.grpcAddress, model, "--input", input, ...columns]);
    assert.equal(code, 0, err);
    const [names, ...answers] = out.trim().split("\n");
    assert.equal(names, "output_label,output_probability_0,output_probability_1,prediction_id,row,prediction_token");
    const cells = answers.map((line) => line.split(","));
    assert.equal(new Set(cells.map((cell) => cell[3])).size, 2); // 64 rows a request
    assert.deepEqual(
      cells.map((cell) => Number(cell[4])),
      answers.map((_, row) => row % 64),
    );
    assert.equal(new Set(cells.map((cell) => cell[5])).size, 100);
    const table = ["prediction_token,truth", ...cells.map((cell, row) => `${cell[5]},${labels[truthOf(row)]}`)].join(
      "\n",
    );
    const reported = await runCommand(["outcomes", server.grpcAddress, model, "--json"], table);
    assert.match(reported.out, /"unsettled":0,.*"accepted","count":100/);
  });

  test("a table of which some rows do not count says which and why, and ends with 1", async () => {
    const id = predictionIdOf(await predict(0, 2));
    const table = `prediction_id,row,truth\n${id},0,${labels[truthOf(0)]}\n${id},1,maybe\nnobody,0,benign\n`;
    const { code, out } = await runCommand(["outcomes", server.grpcAddress, model], table);
    assert.equal(code, 1);
    assert.match(out, /accepted +1 +row 0\nunknown +1 +row 2: no prediction of this id/);
    assert.match(out, /invalid +1 +row 1: label 'maybe' is none of the model's classes: 'malignant', 'benign'/);
  });

  test("a regression takes numbers", async () => {
    const inputs = [createTensor("features", "FP32", [1, 10], new Array(10).fill(0))];
    const [input] = (await client.metadata("diabetes")).inputs;
    const named = [{ ...inputs[0], name: input?.name ?? "" }] as typeof inputs;
    const predictionId = predictionIdOf(
      await client.infer({ model: "diabetes", inputs: named, predictionId: "" }),
    ) as string;
    const { code, out, err } = await runCommand(
      ["outcomes", server.grpcAddress, "diabetes", "--json"],
      `prediction_id,truth\n${predictionId},150\n`,
    );
    assert.equal(code, 0, err);
    assert.match(out, /"accepted"/);
  });

  test("a model that is not there, and a server that takes no outcomes, are told", async () => {
    const table = "prediction_id,truth\na,1\n";
    const unknown = await runCommand(["outcomes", server.grpcAddress, "nothing"], table);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /model 'nothing' is not loaded on this server/);
    const bare = await startTestServer(repository, { metrics: false });
    try {
      const refused = await runCommand(["outcomes", bare.grpcAddress, model], table);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /the server takes no outcomes/);
    } finally {
      await bare.stop();
    }
  });

  test("what was reported is counted by what became of it", async () => {
    const text = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
    const count = (name: string, result: string) => {
      const line = `sluice_labels_received_total{sluice_model_name="${name}",sluice_model_version="${name === "_OTHER" ? name : "1"}",sluice_result="${result}"} `;
      return Number(
        text
          .split("\n")
          .find((found) => found.startsWith(line))
          ?.slice(line.length),
      );
    };
    assert.ok(count(model, "accepted") >= 128 + 2 + 500 + 2 * lines.length);
    assert.ok(count(model, "corrected") === 1);
    assert.ok(count("_OTHER", "forged") >= 1);
    assert.ok(count("_OTHER", "unknown") >= 2);
  });
});
