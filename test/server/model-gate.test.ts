import assert from "node:assert/strict";
import { test } from "node:test";
import { criticalities } from "../../src/inference.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { StreamGate } from "../../src/runtime/admission/stream-gate.ts";
import { TenantDirectory } from "../../src/server/tenant-directory.ts";
import { parseTenants } from "../../src/server/tenants-file.ts";
import { answerTo, FakeModel, FakeRepository } from "../support/fake-repository.ts";
import { encodeRequest, eventually, GrpcHarness } from "../support/grpc-harness.ts";

/** A model with a gate of its own; each request counts as one row until it is answered. */
class GatedModel extends FakeModel {
  readonly gate = new StreamGate();

  constructor(name: string, limitRows: number) {
    super(name, () => this.gate.enter(1));
    this.gate.limitRows = limitRows;
  }

  answer(index: number): void {
    const { request, reply } = this.asked[index]!;
    this.gate.leave(1);
    reply.respond(answerTo(request), true);
    this.gate.wake();
  }
}

/** Lets everything that is under way arrive. */
async function settle(harness: GrpcHarness): Promise<void> {
  for (let i = 0; i < 5; i++) await harness.control().call("ServerLive");
}

test("a stream stops reading while the gate of its model is full, and loses nothing", async (t) => {
  const model = new GatedModel("gated", 2);
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  const stream = harness.client().stream();
  for (let i = 0; i < 20; i++) stream.send(encodeRequest("gated", String(i)));
  for (let i = 0; i < 20; i++) {
    await model.untilAsked(i + 1);
    await settle(harness);
    assert.ok(model.asked.length <= i + 2, `${model.asked.length} in the model after ${i} answers`);
    model.answer(i);
  }
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["20"]);
  assert.deepEqual(
    stream.ids,
    Array.from({ length: 20 }, (_, i) => String(i)),
  );
  await harness.assertIdle();
});

test("streams take turns at the gate; one that ends while it waits is forgotten", async (t) => {
  const model = new GatedModel("gated", 1);
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  const streams = [harness.client().stream(), harness.client().stream(), harness.client().stream()];
  for (const [index, stream] of streams.entries()) {
    for (let i = 0; i < 3; i++) stream.send(encodeRequest("gated", `${index}-${i}`));
    await model.untilAsked(index + 1); // each was opened before it could know of the gate
  }
  await eventually(() => model.gate.waitingCount === 3, "all wait at the gate");
  streams[1]!.call.cancel();
  await eventually(() => model.gate.waitingCount === 2, "the one that ended is forgotten");
  let answered = 0;
  for (const [index, { request }] of model.asked.entries()) {
    if (request.id === "1-0") model.gate.leave(1);
    else {
      model.answer(index);
      answered++;
    }
  }
  for (; answered < 6; answered++) {
    await model.untilAsked(answered + 2);
    model.answer(answered + 1);
  }
  for (const stream of [streams[0]!, streams[2]!]) assert.equal((await stream.finish()).code, statusCodes.OK);
  assert.equal(model.gate.waitingCount, 0);
  await harness.assertIdle();
});

test("a tenant with one stream waits at the gate for one message of another's, not for all its streams", async (t) => {
  const model = new GatedModel("gated", 1);
  const tenants = new TenantDirectory();
  tenants.replace(parseTenants("tenants: { loud: , quiet: }"));
  const harness = await GrpcHarness.start(t, new FakeRepository(model), {}, tenants);
  const loud = Array.from({ length: 4 }, () => harness.client().stream({ "sluice-tenant": "loud" }));
  const quiet = harness.client().stream({ "sluice-tenant": "quiet" });
  const streams = [...loud, quiet];
  for (const [index, stream] of streams.entries()) {
    for (let i = 0; i < 2; i++) stream.send(encodeRequest("gated", `${i}`));
    await model.untilAsked(index + 1);
    await eventually(() => model.gate.waitingCount === index + 1, "it waits before the next one opens");
  }
  model.gate.limitRows = 2;
  model.gate.enter(1); // something is always under way: otherwise all would go on at once
  for (let i = 0; i < streams.length; i++) model.answer(i);
  await model.untilAsked(streams.length + 1);
  model.answer(streams.length);
  await model.untilAsked(streams.length + 2);
  const next = model.asked.slice(streams.length).map(({ context }) => context.tenant);
  assert.deepEqual(next, ["loud", "quiet"]);
  model.gate.leave(1);
  for (let i = streams.length + 1; i < 2 * streams.length; i++) {
    await model.untilAsked(i + 1);
    model.answer(i);
  }
  for (const stream of streams) assert.equal((await stream.finish()).code, statusCodes.OK);
  await harness.assertIdle();
});

test("criticality comes from metadata; none, or a word that is none, is CRITICAL", async (t) => {
  const model = new FakeModel("any", ({ request, reply }) => reply.respond(answerTo(request), true));
  const harness = await GrpcHarness.start(t, new FakeRepository(model));
  const words = [...criticalities, "sheddable", "HIGHEST", ""];
  for (const word of words) {
    await harness.client().infer(encodeRequest("any", word), { metadata: { "sluice-criticality": word } });
  }
  await harness.client().infer(encodeRequest("any", "none"));
  const found = model.asked.map(({ context }) => context.criticality);
  assert.deepEqual(found, [...criticalities, "CRITICAL", "CRITICAL", "CRITICAL", "CRITICAL"]);
});
