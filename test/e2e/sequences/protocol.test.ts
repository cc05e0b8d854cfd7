import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { ClientError } from "../../../src/client/client-error.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../../src/client/tensor-values.ts";
import type { InferenceResponse, ParameterValue } from "../../../src/inference.ts";
import type { RunningServer } from "../../../src/serve.ts";
import {
  controlInputs,
  controlsModel,
  historyModel,
  sumModel,
  sumState,
  wordModel,
  writeSequenceModel,
} from "../../support/sequence-models.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer } from "../../support/test-server.ts";

type Flags = "start" | "end" | "both" | "";

function sequence(id: ParameterValue, flags: Flags = ""): Record<string, ParameterValue> {
  return {
    sequence_id: id,
    sequence_start: flags === "start" || flags === "both",
    sequence_end: flags === "end" || flags === "both",
  };
}

const values = (response: InferenceResponse, name = "Y") => {
  const output = response.outputs.find((tensor) => tensor.name === name);
  assert.ok(output, `no output ${name}`);
  return [...(readTensor(output) as Iterable<unknown>)];
};

suite("sequences", () => {
  const root = temporaryFolder({ after });
  let server: RunningServer;
  let client: InferenceClient;

  before(async () => {
    const direct = `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 5000000 direct { }`;
    writeSequenceModel(root, "controls", controlsModel(), `${direct} ${controlInputs} }`);
    writeSequenceModel(root, "sum", sumModel(), `${direct} ${sumState} }`);
    writeSequenceModel(
      root,
      "oldest",
      sumModel(),
      `max_batch_size: 4\nsequence_batching { oldest { max_candidate_sequences: 2 } ${sumState} }
       parameters { key: "sluice_max_backlog_sequences" value { string_value: "1" } }`,
    );
    writeSequenceModel(
      root,
      "history",
      historyModel(),
      `${direct} state [ { input_name: "PAST" output_name: "ALL" data_type: TYPE_FP32 dims: [ -1 ] } ] }`,
    );
    writeSequenceModel(
      root,
      "word",
      wordModel(),
      `${direct} state [ { input_name: "LAST_IN" output_name: "LAST_OUT" data_type: TYPE_STRING dims: [ 1 ] } ] }`,
    );
    server = await startTestServer(root);
    assert.deepEqual(await server.started, []);
    client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  const add = (model: string, value: number, parameters: Record<string, ParameterValue>, rows = 1) =>
    client.infer({
      model,
      inputs: [createTensor("X", "FP32", [rows, 1], new Float32Array(rows).fill(value))],
      parameters,
    });

  async function refused(call: Promise<unknown>): Promise<{ code: number; message: string }> {
    const error = await call.then(
      () => assert.fail("was answered"),
      (cause: unknown) => cause as ClientError,
    );
    return { code: error.code, message: error.message };
  }

  test("a model is told what its request is in the sequence", async () => {
    const ask = async (id: number, flags: Flags) => {
      const response = await client.infer({
        model: "controls",
        inputs: [createTensor("X", "FP32", [1, 2], [1, 2])],
        parameters: sequence(id, flags),
      });
      return ["START", "READY", "END", "ID"].map((name) => values(response, `${name}_TOLD`)[0]);
    };
    assert.deepEqual(await ask(7, "start"), [1, 2, false, 7n]);
    assert.deepEqual(await ask(7, ""), [0, 2, false, 7n]);
    assert.deepEqual(await ask(7, "end"), [0, 2, true, 7n]);
    assert.deepEqual(await ask(-8, "both"), [1, 2, true, -8n]);
    const metadata = await client.metadata("controls");
    assert.deepEqual(
      metadata.inputs.map(({ name }) => name),
      ["X"],
    );
  });

  test("the server keeps the state of interleaved sequences apart", async () => {
    const sums = new Map<number, number>();
    for (let step = 0; step < 5; step++) {
      await Promise.all(
        [1, 2, 3, 4].map(async (id) => {
          const value = 10 * id + step;
          sums.set(id, (sums.get(id) ?? 0) + value);
          const flags = step === 0 ? "start" : step === 4 ? "end" : "";
          assert.deepEqual(values(await add("sum", value, sequence(id, flags))), [sums.get(id)]);
        }),
      );
    }
  });

  test("an id may be a number or a text, and those are two sequences", async () => {
    assert.deepEqual(values(await add("sum", 1, sequence(5, "start"))), [1]);
    assert.deepEqual(values(await add("sum", 10, sequence("5", "start"))), [10]);
    assert.deepEqual(values(await add("sum", 1, sequence(5, "end"))), [2]);
    assert.deepEqual(values(await add("sum", 10, sequence("5", "end"))), [20]);
  });

  test("the start of a running sequence begins it anew", async () => {
    await add("sum", 1, sequence("again", "start"));
    await add("sum", 1, sequence("again"));
    assert.deepEqual(values(await add("sum", 1, sequence("again", "start"))), [1]);
    assert.deepEqual(values(await add("sum", 1, sequence("again", "end"))), [2]);
  });

  test("what does not belong to a sequence is refused in Triton's words", async () => {
    const start = "must specify the START flag on the first request of the sequence";
    assert.deepEqual(await refused(add("sum", 1, sequence(99))), {
      code: 3,
      message: `inference request for sequence 99 to model 'sum' ${start}`,
    });
    await add("sum", 1, sequence("done", "both"));
    assert.deepEqual(await refused(add("sum", 1, sequence("done"))), {
      code: 3,
      message: `inference request for sequence done to model 'sum' ${start}`,
    });
    for (const parameters of [{}, sequence(0, "start"), sequence("", "start")]) {
      assert.deepEqual(await refused(add("sum", 1, parameters)), {
        code: 3,
        message: "inference request to model 'sum' must specify a non-zero or non-empty correlation ID",
      });
    }
    assert.deepEqual(await refused(add("sum", 1, sequence(3, "start"), 2)), {
      code: 3,
      message: "inference request to model 'sum' must specify batch-size 1 due to requirements of sequence batcher",
    });
    const wrongKind = client.infer({
      model: "controls",
      id: "a",
      inputs: [createTensor("X", "FP32", [1, 2], [1, 2])],
      parameters: sequence("text", "start"),
    });
    assert.deepEqual(await refused(wrongKind), {
      code: 3,
      message:
        "[request id: a] sequence batching control 'ID' data-type is 'BYTES', but model 'controls' expects 'INT64'",
    });
  });

  test("states may grow, and may be texts", async () => {
    const tell = (value: number, flags: Flags) => add("history", value, sequence("h", flags));
    assert.deepEqual(values(await tell(1, "start")), [0, 1]);
    assert.deepEqual(values(await tell(2, "")), [0, 1, 2]);
    await add("history", 9, sequence("other", "start"));
    assert.deepEqual(values(await tell(3, "end")), [0, 1, 2, 3]);
    assert.deepEqual(values(await add("history", 8, sequence("other", "end"))), [0, 9, 8]);
    const say = async (word: string, flags: Flags) => {
      const inputs = [createTensor("X", "BYTES", [1, 1], [word])];
      return values(await client.infer({ model: "word", inputs, parameters: sequence("w", flags) })).join();
    };
    assert.deepEqual([await say("a", "start"), await say("bcd", ""), await say("e", "end")], ["", "a", "bcd"]);
  });

  test("on a stream every request of a sequence is answered in order", async () => {
    const requests = Array.from({ length: 200 }, (_, i) => {
      const step = Math.floor(i / 4);
      return {
        model: "sum",
        id: `${i}`,
        inputs: [createTensor("X", "FP32", [1, 1], [step])],
        parameters: sequence(100 + (i % 4), step === 0 ? "start" : step === 49 ? "end" : ""),
      };
    });
    let position = 0;
    for await (const { id, response, error } of client.inferStream(requests, { window: 32 })) {
      assert.equal(error, undefined);
      assert.equal(id, `${position}`);
      const step = Math.floor(position / 4);
      assert.deepEqual(values(response as InferenceResponse), [(step * (step + 1)) / 2]);
      position++;
    }
    assert.equal(position, 200);
  });

  test("sequences beyond the slots wait, and beyond those that may wait are refused", async () => {
    await add("oldest", 1, sequence("a", "start"));
    await add("oldest", 2, sequence("b", "start"));
    const third = add("oldest", 3, sequence("c", "both"));
    await assert.rejects(add("oldest", 4, sequence("d", "both")), /Exceeds maximum queue size/);
    assert.deepEqual(values(await add("oldest", 5, sequence("a", "end"))), [6]);
    assert.deepEqual(values(await third), [3]);
    assert.deepEqual(values(await add("oldest", 5, sequence("b", "end"))), [7]);
  });

  test("a sequence that waits too long for a slot fails as a whole", async () => {
    await add("oldest", 1, sequence("a", "start"));
    await add("oldest", 2, sequence("b", "start"));
    const late = await refused(add("oldest", 3, { ...sequence("c", "both"), timeout: 20_000 }));
    assert.deepEqual(late, { code: 14, message: "timeout of the corresponding sequence has been expired" });
    await Promise.all([add("oldest", 1, sequence("a", "end")), add("oldest", 1, sequence("b", "end"))]);
  });

  test("an idle sequence gives its slot to one that waits", async () => {
    await add("oldest", 1, sequence("idle", "start"));
    await add("oldest", 1, sequence("idle too", "start"));
    assert.deepEqual(values(await add("oldest", 3, sequence("next", "both"))), [3]); // after a second
    const { code } = await refused(add("oldest", 1, sequence("idle")));
    assert.equal(code, 3);
  });
});
