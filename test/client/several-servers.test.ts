import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientOptions } from "../../src/client/client-options.ts";
import type { InferOptions } from "../../src/client/infer-options.ts";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor } from "../../src/client/tensor-values.ts";
import { InferenceError } from "../../src/errors.ts";
import { type InferenceRequest, type InferenceResponse, noParameters } from "../../src/inference.ts";
import { eventuallyTrue } from "../support/eventually.ts";
import { KserveFake } from "../support/kserve-fake.ts";

const question: InferOptions = { model: "m", inputs: [createTensor("x", "FP32", [1, 2], [1, 2])] };

type Infer = (request: InferenceRequest) => InferenceResponse;

/** Answers with its own name as the model's version. */
const named = (name: string) => (request: InferenceRequest) => ({
  modelName: request.modelName,
  modelVersion: name,
  id: request.id,
  parameters: noParameters,
  outputs: request.inputs,
});

const draining = () => {
  throw new InferenceError("draining", "stopping", { retryAfterMs: 1 });
};

async function start(t: { after(callback: () => void): void }, infer: Infer): Promise<KserveFake> {
  const fake = await new KserveFake({ infer, control: {} }).start();
  t.after(() => fake.stop());
  return fake;
}

function connect(
  t: { after(callback: () => void): void },
  addresses: string | readonly string[],
  options: Partial<ClientOptions> = {},
): InferenceClient {
  const client = InferenceClient.connect(addresses, options);
  t.after(() => client.close());
  return client;
}

async function answersOf(client: InferenceClient, calls: number): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let i = 0; i < calls; i++) answers.push((await client.infer(question)).modelVersion);
  return answers;
}

test("calls go to all addresses in turn, whatever form they have", async (t) => {
  const [a, b] = [await start(t, named("a")), await start(t, named("b"))];
  const client = connect(t, [a.address, b.address.replace("127.0.0.1", "localhost")]);
  await eventuallyTrue("both connected", async () => new Set(await answersOf(client, 4)).size === 2);
  const answers = await answersOf(client, 20);
  assert.equal(answers.filter((name) => name === "a").length, 10);
});

test("pick_first stays with one server until it is gone", async (t) => {
  const [a, b] = [await start(t, named("a")), await start(t, named("b"))];
  const client = connect(t, `${a.address},${b.address}`, { loadBalancing: "pick_first" });
  assert.deepEqual(new Set(await answersOf(client, 10)), new Set(["a"]));
  a.stop();
  await eventuallyTrue("b answers", async () => (await answersOf(client, 1))[0] === "b");
});

test("a call refused by one server is repeated at another", async (t) => {
  const [a, b] = [await start(t, draining), await start(t, named("b"))];
  const client = connect(t, [a.address, b.address]);
  await eventuallyTrue("a was asked", async () => (await answersOf(client, 4)) && a.calls > 0);
  assert.deepEqual(new Set(await answersOf(client, 20)), new Set(["b"]));
});

test("an address where nobody listens does not disturb the others", async (t) => {
  const [gone, b] = [await start(t, named("gone")), await start(t, named("b"))];
  gone.stop();
  const client = connect(t, [gone.address, b.address]);
  assert.deepEqual(new Set(await answersOf(client, 10)), new Set(["b"]));
});

test("a name that cannot be resolved leaves the other addresses in use; alone it fails the call", async (t) => {
  const b = await start(t, named("b"));
  assert.deepEqual(await answersOf(connect(t, ["nowhere.invalid:1", b.address]), 3), ["b", "b", "b"]);
  const lost = connect(t, ["nowhere.invalid:1", "nowhere.invalid:2"], { maxAttempts: 1 });
  await assert.rejects(lost.infer(question), { status: "UNAVAILABLE" });
});

test("several channels are several connections to one server", async (t) => {
  const a = await start(t, named("a"));
  await answersOf(connect(t, a.address), 6);
  assert.equal(a.peers.size, 1);
  await answersOf(connect(t, a.address, { channels: 3 }), 6);
  assert.equal(a.peers.size, 4);
});

test("several hosts with TLS need the name that their certificates carry", () => {
  assert.throws(
    () => InferenceClient.connect(["a:1", "b:1"], { tls: {} }),
    /several hosts.*\(a, b\).*'tls.serverName'/,
  );
  InferenceClient.connect(["a:1", "a:2"], { tls: {} }).close();
  InferenceClient.connect(["a:1", "b:1"], { tls: { serverName: "sluice" } }).close();
});

test("an unknown load balancing policy is refused", () => {
  assert.throws(
    () => InferenceClient.connect("a:1", { loadBalancing: "random" as "pick_first" }),
    /'loadBalancing' is 'random', expected one of pick_first, round_robin/,
  );
});
