import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ClientError } from "../../../src/client/client-error.ts";
import type { InferOptions } from "../../../src/client/infer-options.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import type { ServeConfig } from "../../../src/config.ts";
import type { RunningServer } from "../../../src/serve.ts";
import { eventuallyTrue } from "../../support/eventually.ts";
import { add, addRequest, outputValues, RequestFeed } from "../../support/sequence-calls.ts";
import { sumModel, sumState, writeSequenceModel } from "../../support/sequence-models.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { childProcesses, startTestServer } from "../../support/test-server.ts";

const batching = (more = "direct { }", idleMs = 30_000) =>
  `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: ${idleMs * 1000} ${more} ${sumState} }\n`;

interface Subject {
  readonly server: RunningServer;
  readonly client: InferenceClient;
  /** Values of the metrics page by `name{labels}`. */
  metrics(): Promise<ReadonlyMap<string, string>>;
}

async function start(context: TestContext, root: string, options: Partial<ServeConfig> = {}): Promise<Subject> {
  const server = await startTestServer(root, options);
  assert.deepEqual(await server.started, []);
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
  });
  const metrics = async () => {
    const text = await (await fetch(`http://${server.httpAddress}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]));
  };
  return { server, client, metrics };
}

async function failure(call: Promise<unknown>): Promise<ClientError> {
  return await call.then(
    () => assert.fail("was answered"),
    (error: unknown) => error as ClientError,
  );
}

const labels = (label: string) => `{sluice_model_name="sum",sluice_model_version="1",${label}}`;

test("a crash of the runtime process ends its sequences, and says so once they ask", async (context) => {
  const strangers = new Set(childProcesses());
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), batching());
  const { client, metrics } = await start(context, root);
  const feed = new RequestFeed();
  const answers = client.inferStream(feed);
  assert.deepEqual(await add(client, "sum", 1, "unary", "start"), [1]);
  feed.send(addRequest("sum", 2, "streamed", "start"));
  const { value: first } = await answers.next();
  assert.deepEqual(first?.response && outputValues(first.response), [2]);

  const killed = childProcesses().filter((pid) => !strangers.has(pid));
  for (const pid of killed) process.kill(pid, "SIGKILL");
  await eventuallyTrue("the model serves again", async () => {
    const now = childProcesses().filter((pid) => !strangers.has(pid) && !killed.includes(pid));
    return now.length > 0 && (await client.ready("sum"));
  });

  for (let times = 0; times < 2; times++) {
    const error = await failure(add(client, "sum", 1, "unary"));
    assert.deepEqual([error.status, error.isSequenceLost, error.retryAfterMs], ["UNAVAILABLE", true, -1]);
    assert.match(error.message, /sequence unary of model 'sum' has lost its state/);
  }
  feed.send(addRequest("sum", 2, "streamed"));
  const { value: second } = await answers.next();
  assert.deepEqual([second?.error?.status, second?.error?.isSequenceLost], ["UNAVAILABLE", true]);
  feed.send(addRequest("sum", 3, "streamed", "both"));
  const { value: third } = await answers.next();
  assert.deepEqual(third?.response && outputValues(third.response), [3]);
  feed.end();
  assert.equal((await answers.next()).done, true);
  assert.deepEqual(await add(client, "sum", 5, "unary", "both"), [5]);
  assert.equal((await metrics()).get(`sluice_sequences_ended_total${labels('sluice_reason="lost"')}`), "2");
});

test("of several instances only the one that has ended loses its sequences", async (context) => {
  const strangers = new Set(childProcesses());
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), `${batching()} instance_group [ { count: 2 kind: KIND_CPU } ]`);
  const { client } = await start(context, root);
  const ids = [1, 2, 3, 4];
  for (const id of ids) assert.deepEqual(await add(client, "sum", id, id, "start"), [id]);
  const pids = childProcesses().filter((pid) => !strangers.has(pid));
  assert.equal(pids.length, 2);
  const [killed = 0] = pids;
  process.kill(killed, "SIGKILL");
  await eventuallyTrue("it has ended", () => !childProcesses().includes(killed));
  const outcomes = await Promise.all(
    ids.map((id) => add(client, "sum", 1, id).catch((error: ClientError) => error.isSequenceLost)),
  );
  assert.equal(outcomes.filter((outcome) => outcome === true).length, 2);
  for (const [i, outcome] of outcomes.entries()) if (outcome !== true) assert.deepEqual(outcome, [(ids[i] ?? 0) + 1]);
  assert.deepEqual(await add(client, "sum", 9, 9, "both"), [9], "the others have room for new ones");
});

test("a caller who leaves its stream leaves the sequences that it waits for; one that is idle goes on elsewhere", async (context) => {
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), batching("oldest { max_candidate_sequences: 1 }"));
  const { client, metrics } = await start(context, root);
  const feed = new RequestFeed();
  const leave = new AbortController();
  const answers = client.inferStream(feed, { signal: leave.signal });
  feed.send(addRequest("sum", 1, "idle", "start"));
  await answers.next();
  feed.send(addRequest("sum", 5, "left", "start"));
  const isWaiting = async (count: string) =>
    (await metrics()).get(`sluice_sequences${labels('sluice_state="waiting"')}`) === count;
  await eventuallyTrue("it waits", () => isWaiting("1"));
  const next = add(client, "sum", 7, "next", "both");
  await eventuallyTrue("both wait", () => isWaiting("2"));
  leave.abort();
  await answers.next().catch(() => {});
  await eventuallyTrue("one has left", () => isWaiting("1"));
  assert.deepEqual(await add(client, "sum", 1, "idle", "end"), [2]);
  assert.deepEqual(await next, [7]);
  assert.equal((await metrics()).get(`sluice_sequences_ended_total${labels('sluice_reason="cancelled"')}`), "1");
  assert.equal((await failure(add(client, "sum", 1, "left"))).status, "INVALID_ARGUMENT");
});

test("a sequence goes on over several streams, and after one that ended well", async (context) => {
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), batching());
  const { client } = await start(context, root);
  const sums: unknown[] = [];
  for (const edge of ["start", "", "end"] as const) {
    for await (const { response } of client.inferStream([addRequest("sum", 1, 3, edge)]))
      sums.push(...(response === undefined ? [] : outputValues(response)));
  }
  assert.deepEqual(sums, [1, 2, 3]);
});

test("sequences go on after a reload of the same version, with their state", async (context) => {
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), batching());
  const { client } = await start(context, root, { modelControl: "explicit", loadModel: ["sum"] });
  for (const id of [1, 2, 3]) await add(client, "sum", 10 * id, id, "start");
  writeSequenceModel(root, "sum", sumModel(), `${batching()} parameters { key: "reload" value { string_value: "1" } }`);
  await client.load("sum");
  for (const id of [1, 2, 3]) assert.deepEqual(await add(client, "sum", 1, id), [10 * id + 1]);
  for (const id of [1, 2, 3]) assert.deepEqual(await add(client, "sum", 1, id, "end"), [10 * id + 2]);
});

test("a newer version goes on with the sequences of the older one where it can, and begins the new ones", async (context) => {
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), batching());
  const { client } = await start(context, root, { modelControl: "explicit", loadModel: ["sum"] });
  for (const id of [1, 2]) await add(client, "sum", 10 * id, id, "start");
  writeSequenceModel(root, "sum", sumModel(), batching(), "2");
  await client.load("sum");
  const answer = await client.infer(addRequest("sum", 1, 1));
  assert.deepEqual([answer.modelVersion, outputValues(answer)], ["2", [11]]);
  assert.deepEqual(await add(client, "sum", 5, 9, "both"), [5]);
  assert.deepEqual(await add(client, "sum", 1, 2, "end"), [21]);
});

test("sequences go on after a reload that no longer cuts the answers, and after one that does again", async (context) => {
  const root = temporaryFolder(context);
  const chunking =
    'model_transaction_policy { decoupled: true }\nparameters { key: "sluice_chunk_axis" value { string_value: "1" } }';
  writeSequenceModel(root, "sum", sumModel(), `${batching()} ${chunking}`);
  const { client } = await start(context, root, { modelControl: "explicit", loadModel: ["sum"] });
  const ask = async (request: InferOptions): Promise<readonly unknown[]> => {
    for await (const { response, error } of client.inferStream([request])) {
      assert.ok(response, error?.message);
      return outputValues(response);
    }
    return [];
  };
  assert.deepEqual(await ask(addRequest("sum", 10, 1, "start")), [10]);
  writeSequenceModel(root, "sum", sumModel(), batching());
  await client.load("sum");
  assert.deepEqual(await add(client, "sum", 1, 1), [11]);
  writeSequenceModel(root, "sum", sumModel(), `${batching()} ${chunking}`);
  await client.load("sum");
  assert.deepEqual(await ask(addRequest("sum", 1, 1, "end")), [12]);
});

test("a version whose states differ leaves the sequences with the one before until they end", async (context) => {
  const root = temporaryFolder(context);
  writeSequenceModel(root, "sum", sumModel(), batching());
  const { client, server } = await start(context, root, { modelControl: "explicit", loadModel: ["sum"] });
  await add(client, "sum", 10, 1, "start");
  const explicit =
    'state [ { input_name: "SUM_IN" output_name: "SUM_OUT" data_type: TYPE_FP32 dims: [ 1 ] initial_state { name: "zero" data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } } ]';
  const changed = `max_batch_size: 4\nsequence_batching { max_sequence_idle_microseconds: 30000000 direct { } ${explicit} }\n`;
  writeSequenceModel(root, "sum", sumModel(), changed, "2");
  await client.load("sum");
  const answer = await client.infer(addRequest("sum", 1, 1));
  assert.deepEqual([answer.modelVersion, outputValues(answer)], ["1", [11]]);
  assert.equal((await client.infer(addRequest("sum", 1, 2, "both"))).modelVersion, "2");
  assert.deepEqual(await add(client, "sum", 1, 1, "end"), [12]);
  assert.equal((await failure(add(client, "sum", 1, 1))).status, "INVALID_ARGUMENT");
  assert.ok(server.models().length === 1);
});

test("states beyond their limit are refused, and the sequence goes on from where it was", async (context) => {
  const root = temporaryFolder(context);
  const limit = 'parameters { key: "sluice_max_state_bytes" value { string_value: "8" } }\n';
  writeSequenceModel(root, "sum", sumModel(), `${batching()} ${limit}`);
  const { client } = await start(context, root);
  for (const id of [1, 2]) await add(client, "sum", id, id, "start");
  const error = await failure(add(client, "sum", 3, 3, "start"));
  assert.deepEqual([error.status, /--max-state-bytes/.test(error.message)], ["RESOURCE_EXHAUSTED", true]);
  assert.deepEqual(await add(client, "sum", 1, 1, "end"), [2]);
});
