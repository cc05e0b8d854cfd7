import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { ClientError } from "../../src/client/client-error.ts";
import { resolveClientOptions } from "../../src/client/client-options.ts";
import type { InferOptions } from "../../src/client/infer-options.ts";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { readModelConfiguration } from "../../src/client/model-metadata.ts";
import type { StreamResult } from "../../src/client/stream-result.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, type InferenceResponse, noParameters } from "../../src/inference.ts";
import { KserveFake } from "../support/kserve-fake.ts";

/** Answers with the inputs, named as outputs. */
function echo(request: InferenceRequest): InferenceResponse {
  return {
    modelName: request.modelName,
    modelVersion: request.modelVersion || "7",
    id: request.id,
    parameters: noParameters,
    outputs: request.inputs,
  };
}

async function connect(
  t: { after(callback: () => void): void },
  infer: (request: InferenceRequest, attempt: number) => InferenceResponse,
  control: ConstructorParameters<typeof KserveFake>[0]["control"] = {},
) {
  const fake = await new KserveFake({ infer, control }).start();
  const client = InferenceClient.connect(fake.address);
  t.after(() => {
    client.close();
    fake.stop();
  });
  return { fake, client };
}

const question = (id: string): InferOptions => ({
  model: "m",
  id,
  inputs: [createTensor("x", "FP32", [1, 2], [1, 2])],
});

test("a request arrives as it was written and its answer comes back", async (t) => {
  const { fake, client } = await connect(t, echo);
  const response = await client.infer({
    ...question("a"),
    version: "3",
    outputs: ["y", { name: "z", classificationCount: 2 }],
    parameters: { priority: 1, note: "hi" },
  });
  assert.deepEqual(
    { id: response.id, version: response.modelVersion, values: readTensor(response.outputs[0]!) },
    { id: "a", version: "3", values: Float32Array.of(1, 2) },
  );
  const [request] = fake.requests;
  assert.deepEqual(request?.requestedOutputs, [
    { name: "y", classificationCount: 0 },
    { name: "z", classificationCount: 2 },
  ]);
  assert.deepEqual(
    [...request!.parameters],
    [
      ["priority", 1],
      ["note", "hi"],
    ],
  );
});

test("a refusal with a pushback is repeated, other errors are not", async (t) => {
  const { fake, client } = await connect(t, (request, attempt) => {
    if (request.id === "bad") throw new InferenceError("invalid", "wrong shape");
    if (attempt < 3) throw new InferenceError("queue_full", "Exceeds maximum queue size", { retryAfterMs: 1 });
    return echo(request);
  });
  assert.equal((await client.infer(question("a"))).id, "a");
  assert.equal(fake.calls, 3);
  await assert.rejects(client.infer(question("bad")), (error: ClientError) => {
    assert.deepEqual([error.code, error.status, error.message], [3, "INVALID_ARGUMENT", "wrong shape"]);
    return error instanceof ClientError;
  });
  assert.equal(fake.calls, 4);
});

test("a negative pushback and a request of a sequence are not repeated", async (t) => {
  const { fake, client } = await connect(t, (request) => {
    throw new InferenceError("draining", "stopping", { retryAfterMs: request.id === "never" ? -1 : 5 });
  });
  await assert.rejects(client.infer(question("never")), { code: 14, retryAfterMs: -1 });
  assert.equal(fake.calls, 1);
  await assert.rejects(client.infer({ ...question("s"), parameters: { sequence_id: 9 } }), {
    code: 14,
    retryAfterMs: 5,
  });
  assert.equal(fake.calls, 2);
});

test("a stream answers in order, with errors in their place", async (t) => {
  const { client } = await connect(t, (request) => {
    if (request.id === "2") throw new InferenceError("queue_full", "full", { retryAfterMs: 40 });
    return echo(request);
  });
  const results: StreamResult[] = [];
  for await (const result of client.inferStream(["1", "2", "3"].map(question))) results.push(result);
  assert.deepEqual(
    results.map(({ id, error }) => [id, error?.code, error?.retryAfterMs]),
    [
      ["1", undefined, undefined],
      ["2", 14, 40],
      ["3", undefined, undefined],
    ],
  );
});

test("a stream draws no more questions than its window while answers are not taken", async (t) => {
  const { client } = await connect(t, echo);
  let drawn = 0;
  function* questions() {
    for (let i = 0; i < 1000; i++) {
      drawn++;
      yield question(String(i));
    }
  }
  const taken: string[] = [];
  for await (const { id } of client.inferStream(questions(), { window: 5 })) {
    taken.push(id);
    assert.ok(drawn <= taken.length + 5 + 1, `${drawn} drawn when ${taken.length} were taken`);
  }
  assert.deepEqual(
    taken,
    Array.from({ length: 1000 }, (_, i) => String(i)),
  );
});

test("leaving a stream early cancels it and stops drawing", async (t) => {
  const { fake, client } = await connect(t, echo);
  let isReturned = false;
  async function* questions() {
    try {
      for (let i = 0; ; i++) yield question(String(i));
    } finally {
      isReturned = true;
    }
  }
  for await (const { id } of client.inferStream(questions(), { window: 4 })) if (id === "9") break;
  await new Promise(setImmediate);
  assert.ok(isReturned);
  assert.ok(fake.calls <= 20);
});

test("a failing source ends the stream with its own error", async (t) => {
  const { client } = await connect(t, echo);
  async function* questions() {
    yield question("1");
    throw new RangeError("no more data");
  }
  await assert.rejects(Array.fromAsync(client.inferStream(questions())), RangeError);
});

test("an aborted signal cancels a call and a stream", async (t) => {
  const { client } = await connect(t, echo);
  await assert.rejects(client.infer({ ...question("a"), signal: AbortSignal.abort() }), { code: 1 });
  await assert.rejects(Array.fromAsync(client.inferStream([question("a")], { signal: AbortSignal.abort() })), {
    code: 1,
  });
});

test("once the client is closed no call and no stream begins", async (t) => {
  const { client } = await connect(t, echo);
  client.close();
  const closed = { name: "ClientError", code: 1, message: "the client is closed" };
  await assert.rejects(client.infer(question("a")), closed);
  await assert.rejects(Array.fromAsync(client.inferStream([question("a")])), closed);
});

test("a server that is not there is UNAVAILABLE", async () => {
  const { createServer } = await import("node:net");
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  listener.close();
  const client = InferenceClient.connect(`127.0.0.1:${port}`, { maxAttempts: 1 });
  after(() => client.close());
  await assert.rejects(client.infer(question("a")), { code: 14 });
});

test("control answers come as numbers and names", async (t) => {
  const duration = { count: "2", ns: "3000" };
  const { client } = await connect(t, echo, {
    ModelMetadata: ({ name }: { name: string }) => ({
      name,
      versions: ["1"],
      platform: "onnxruntime_onnx",
      inputs: [{ name: "x", datatype: "FP32", shape: ["-1", "4"] }],
      outputs: [],
    }),
    ModelStatistics: () => ({
      model_stats: [
        { name: "m", version: "1", inference_count: "9007199254740991", inference_stats: { queue: duration } },
      ],
    }),
    RepositoryIndex: () => ({ models: [{ name: "m", version: "1", state: "READY" }] }),
    ServerReady: () => ({ ready: true }),
    ModelReady: () => ({ ready: false }),
  });
  assert.deepEqual((await client.metadata("m")).inputs, [{ name: "x", datatype: "FP32", shape: [-1, 4] }]);
  const [statistics] = await client.statistics();
  assert.equal(statistics?.inferenceCount, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(statistics?.queue, { count: 2, ns: 3000 });
  assert.deepEqual(statistics?.success, { count: 0, ns: 0 });
  assert.deepEqual(await client.repositoryIndex(), [{ name: "m", version: "1", state: "READY", reason: "" }]);
  assert.deepEqual([await client.ready(), await client.ready("m")], [true, false]);
  assert.equal(await client.health(), "SERVING");
  await assert.rejects(client.configuration("m"), { code: 12, status: "UNIMPLEMENTED" });
});

test("parameters of a configuration are a map, as entries or as an object", () => {
  const entries = { config: { max_batch_size: 4, parameters: [{ key: "a", value: { string_value: "b" } }] } };
  const object = { config: { max_batch_size: 4, parameters: { a: { string_value: "b" } } } };
  for (const answer of [entries, object]) {
    assert.deepEqual(readModelConfiguration(answer), { max_batch_size: 4, parameters: { a: { string_value: "b" } } });
  }
  assert.deepEqual(readModelConfiguration({ config: null }), { max_batch_size: 0, parameters: {} });
});

test("unusable addresses, options and deadlines are refused with what is allowed", async (t) => {
  assert.throws(() => InferenceClient.connect("http://127.0.0.1:8000"), /no gRPC address.*host:port/);
  assert.throws(() => InferenceClient.connect("localhost"), /no gRPC address/);
  assert.throws(() => resolveClientOptions({ maxAttempts: 6 }), /'maxAttempts' is 6.*from 1 to 5/);
  assert.throws(() => resolveClientOptions({ deadline: 5 } as never), /unknown client option 'deadline'/);
  const { client } = await connect(t, echo);
  await assert.rejects(client.infer({ ...question("a"), deadlineMs: 0 }), { reason: "invalid" });
  assert.equal((await client.infer({ ...question("a"), deadlineMs: Number.MAX_SAFE_INTEGER })).id, "a");
});
