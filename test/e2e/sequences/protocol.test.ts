import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { ClientError } from "../../../src/client/client-error.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import type { InferenceResponse, ParameterValue } from "../../../src/inference.ts";
import type { RunningServer } from "../../../src/serve.ts";
import { outputValues, type SequenceEdge, sequenceParameters } from "../../support/sequence-calls.ts";
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
    const ask = async (id: number, flags: SequenceEdge) => {
      const response = await client.infer({
        model: "controls",
        inputs: [createTensor("X", "FP32", [1, 2], [1, 2])],
        parameters: sequenceParameters(id, flags),
      });
      return ["START", "READY", "END", "ID"].map((name) => outputValues(response, `${name}_TOLD`)[0]);
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
          assert.deepEqual(outputValues(await add("sum", value, sequenceParameters(id, flags))), [sums.get(id)]);
        }),
      );
    }
  });

  test("an id may be a number or a text, and those are two sequences", async () => {
    assert.deepEqual(outputValues(await add("sum", 1, sequenceParameters(5, "start"))), [1]);
    assert.deepEqual(outputValues(await add("sum", 10, sequenceParameters("5", "start"))), [10]);
    assert.deepEqual(outputValues(await add("sum", 1, sequenceParameters(5, "end"))), [2]);
    assert.deepEqual(outputValues(await add("sum", 10, sequenceParameters("5", "end"))), [20]);
  });

  test("the start of a running sequence begins it anew", async () => {
    await add("sum", 1, sequenceParameters("again", "start"));
    await add("sum", 1, sequenceParameters("again"));
    assert.deepEqual(outputValues(await add("sum", 1, sequenceParameters("again", "start"))), [1]);
    assert.deepEqual(outputValues(await add("sum", 1, sequenceParameters("again", "end"))), [2]);
  });

  test("what does not belong to a sequence is refused in Triton's words", async () => {
    const start = "must specify the START flag on the first request of the sequence";
    assert.deepEqual(await refused(add("sum", 1, sequenceParameters(99))), {
      code: 3,
      message: `inference request for sequence 99 to model 'sum' ${start}`,
    });
    await add("sum", 1, sequenceParameters("done", "both"));
    assert.deepEqual(await refused(add("sum", 1, sequenceParameters("done"))), {
      code: 3,
      message: `inference request for sequence done to model 'sum' ${start}`,
    });
    for (const parameters of [{}, sequenceParameters(0, "start"), sequenceParameters("", "start")]) {
      assert.deepEqual(await refused(add("sum", 1, parameters)), {
        code: 3,
        message: "inference request to model 'sum' must specify a non-zero or non-empty correlation ID",
      });
    }
    assert.deepEqual(await refused(add("sum", 1, sequenceParameters(3, "start"), 2)), {
      code: 3,
      message: "inference request to model 'sum' must specify batch-size 1 due to requirements of sequence batcher",
    });
    const wrongKind = client.infer({
      model: "controls",
      id: "a",
      inputs: [createTensor("X", "FP32", [1, 2], [1, 2])],
      parameters: sequenceParameters("text", "start"),
    });
    assert.deepEqual(await refused(wrongKind), {
      code: 3,
      message:
        "[request id: a] sequence batching control 'ID' data-type is 'BYTES', but model 'controls' expects 'INT64'",
    });
  });

  test("states may grow, and may be texts", async () => {
    const tell = (value: number, flags: SequenceEdge) => add("history", value, sequenceParameters("h", flags));
    assert.deepEqual(outputValues(await tell(1, "start")), [0, 1]);
    assert.deepEqual(outputValues(await tell(2, "")), [0, 1, 2]);
    await add("history", 9, sequenceParameters("other", "start"));
    assert.deepEqual(outputValues(await tell(3, "end")), [0, 1, 2, 3]);
    assert.deepEqual(outputValues(await add("history", 8, sequenceParameters("other", "end"))), [0, 9, 8]);
    const say = async (word: string, flags: SequenceEdge) => {
      const inputs = [createTensor("X", "BYTES", [1, 1], [word])];
      return outputValues(
        await client.infer({ model: "word", inputs, parameters: sequenceParameters("w", flags) }),
      ).join();
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
        parameters: sequenceParameters(100 + (i % 4), step === 0 ? "start" : step === 49 ? "end" : ""),
      };
    });
    let position = 0;
    for await (const { id, response, error } of client.inferStream(requests, { window: 32 })) {
      assert.equal(error, undefined);
      assert.equal(id, `${position}`);
      const step = Math.floor(position / 4);
      assert.deepEqual(outputValues(response as InferenceResponse), [(step * (step + 1)) / 2]);
      position++;
    }
    assert.equal(position, 200);
  });

  test("sequences beyond the slots wait, and beyond those that may wait are refused", async () => {
    await add("oldest", 1, sequenceParameters("a", "start"));
    await add("oldest", 2, sequenceParameters("b", "start"));
    const third = add("oldest", 3, sequenceParameters("c", "both"));
    await assert.rejects(add("oldest", 4, sequenceParameters("d", "both")), /Exceeds maximum queue size/);
    assert.deepEqual(outputValues(await add("oldest", 5, sequenceParameters("a", "end"))), [6]);
    assert.deepEqual(outputValues(await third), [3]);
    assert.deepEqual(outputValues(await add("oldest", 5, sequenceParameters("b", "end"))), [7]);
  });

  test("a sequence that waits too long for a slot fails as a whole", async () => {
    await add("oldest", 1, sequenceParameters("a", "start"));
    await add("oldest", 2, sequenceParameters("b", "start"));
    const late = await refused(add("oldest", 3, { ...sequenceParameters("c", "both"), timeout: 20_000 }));
    assert.deepEqual(late, { code: 14, message: "timeout of the corresponding sequence has been expired" });
    await Promise.all([
      add("oldest", 1, sequenceParameters("a", "end")),
      add("oldest", 1, sequenceParameters("b", "end")),
    ]);
  });

  test("an idle sequence gives its slot to one that waits", async () => {
    await add("oldest", 1, sequenceParameters("idle", "start"));
    await add("oldest", 1, sequenceParameters("idle too", "start"));
    assert.deepEqual(outputValues(await add("oldest", 3, sequenceParameters("next", "both"))), [3]); // after a second
    const { code } = await refused(add("oldest", 1, sequenceParameters("idle")));
    assert.equal(code, 3);
  });
});
