import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { statusCodes } from "../../src/protocol/status.ts";
import { TenantDirectory } from "../../src/server/tenant-directory.ts";
import { parseTenants } from "../../src/server/tenants-file.ts";
import { type Asked, answerTo, FakeModel, FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, GrpcHarness } from "../support/grpc-harness.ts";

async function start(t: TestContext, file: string, model = new FakeModel("m")) {
  const tenants = new TenantDirectory();
  tenants.replace(parseTenants(file));
  const repository = new FakeRepository(model, new ImmediateModel("immediate"));
  const harness = await GrpcHarness.start(t, repository, {}, tenants);
  const answer = (index: number) => {
    const { request, reply } = model.asked[index]!;
    reply.respond(answerTo(request), true);
  };
  const assertEmpty = () => {
    for (const { requests, rows, bytes, waitingCount } of tenants.accounts) {
      assert.deepEqual([requests, rows, bytes, waitingCount], [0, 0, 0, 0]);
    }
  };
  return { tenants, model, repository, harness, answer, assertEmpty };
}

const own = (name: string) => new Map([["sluice_tenant", name]]);

test("a request belongs to the tenant of its metadata, its own parameter before that, and made up names to nobody", async (t) => {
  const { model, harness, answer, assertEmpty } = await start(t, "tenants: { a: , b: }");
  const client = harness.client();
  const cases = [
    { metadata: {}, parameters: undefined, expected: "default" },
    { metadata: { "sluice-tenant": "a" }, parameters: undefined, expected: "a" },
    { metadata: { "sluice-tenant": "a" }, parameters: own("b"), expected: "b" },
    { metadata: { "sluice-tenant": "a" }, parameters: own("c"), expected: "default" },
    { metadata: { "sluice-tenant": "made-up" }, parameters: undefined, expected: "default" },
  ];
  for (const [index, { metadata, parameters, expected }] of cases.entries()) {
    const answered = client.infer(encodeRequest("m", "1", parameters), { metadata });
    await model.untilAsked(index + 1);
    assert.equal(model.asked[index]!.context.tenant, expected);
    answer(index);
    assert.equal((await answered).code, statusCodes.OK);
  }
  const stream = client.stream({ "sluice-tenant": "a" });
  stream.send(encodeRequest("m", "x"), encodeRequest("m", "y", own("b")));
  await model.untilAsked(cases.length + 2);
  assert.deepEqual(
    model.asked.slice(-2).map(({ context }) => context.tenant),
    ["a", "b"],
  );
  for (const index of [1, 2]) answer(model.asked.length - index);
  await stream.finish();
  assertEmpty();
});

test("a unary call beyond its tenant's limit is RESOURCE_EXHAUSTED with a pushback; other tenants do not notice", async (t) => {
  const { model, harness, answer, assertEmpty } = await start(t, "tenants: { a: { maxRequests: 2 } }");
  const client = harness.client();
  const metadata = { "sluice-tenant": "a" };
  const first = [1, 2].map((id) => client.infer(encodeRequest("m", String(id)), { metadata }));
  await model.untilAsked(2);
  const refused = await client.infer(encodeRequest("m", "3"), { metadata });
  assert.equal(refused.code, statusCodes.RESOURCE_EXHAUSTED);
  assert.match(refused.details, /tenant 'a' has 2 requests in the server/);
  assert.match(String(refused.metadata.get("grpc-retry-pushback-ms")[0]), /^\d+$/);
  assert.deepEqual(harness.observer.refusedTenants, ["a"]);
  assert.equal((await client.infer(encodeRequest("immediate", "4"))).code, statusCodes.OK);
  for (const index of [0, 1]) answer(index);
  await Promise.all(first);
  assertEmpty();
});

test("a stream at its tenant's limit waits instead, keeps its order and loses nothing", async (t) => {
  const { tenants, model, harness, answer, assertEmpty } = await start(t, "tenants: { a: { maxRequests: 2 } }");
  const streams = [1, 2].map(() => harness.client().stream({ "sluice-tenant": "a" }));
  for (const stream of streams) {
    for (let id = 0; id < 20; id++) stream.send(encodeRequest("m", String(id)));
  }
  for (let index = 0; index < 40; index++) {
    await model.untilAsked(index + 1);
    assert.ok(model.asked.length - index <= 2, "more than two in the model");
    answer(index);
  }
  for (const stream of streams) {
    assert.equal((await stream.finish()).code, statusCodes.OK);
    assert.deepEqual(
      stream.ids,
      Array.from({ length: 20 }, (_, id) => String(id)),
    );
  }
  assert.equal(tenants.find("a").waitingCount, 0);
  assertEmpty();
  await harness.assertIdle();
});

test("an item that could never be let in is refused in the stream, without a pushback", async (t) => {
  const { harness, assertEmpty } = await start(t, "tenants: { a: { maxBytes: 100 } }");
  const stream = harness.client().stream({ "sluice-tenant": "a" });
  stream.send(encodeRequest("immediate", "large", undefined, 100), encodeRequest("immediate", "small"));
  const [large, small] = await stream.untilAnswered(2);
  assert.match(large?.errorMessage ?? "", /bytes in one request are more than tenant 'a' may have \(maxBytes 100\)/);
  assert.equal(small?.errorMessage, "");
  await stream.finish();
  assertEmpty();
});

test("a stream that vanishes while it waits is forgotten; what it had in the model counts until it ends there", async (t) => {
  const { tenants, model, harness, answer, assertEmpty } = await start(t, "tenants: { a: { maxRequests: 1 } }");
  const stream = harness.client().stream({ "sluice-tenant": "a" });
  stream.send(encodeRequest("m", "1"), encodeRequest("m", "2"));
  await model.untilAsked(1);
  const account = tenants.find("a");
  await eventually(() => account.waitingCount === 1, "the second waits");
  stream.call.cancel();
  await eventually(() => account.waitingCount === 0, "nobody waits");
  assert.equal(account.requests, 1);
  answer(0);
  assertEmpty();
});

test("a limit that is raised lets in what waits, one that is lowered refuses what does not fit any more", async (t) => {
  const { tenants, model, harness, answer, assertEmpty } = await start(t, "tenants: { a: { maxRequests: 1 } }");
  const stream = harness.client().stream({ "sluice-tenant": "a" });
  stream.send(encodeRequest("m", "1"), encodeRequest("m", "2"), encodeRequest("m", "3", undefined, 50));
  await eventually(() => tenants.find("a").waitingCount === 1, "the second waits");
  tenants.replace(parseTenants("tenants: { a: { maxRequests: 2 } }"));
  await model.untilAsked(2);
  await eventually(() => tenants.find("a").waitingCount === 1, "the third waits");
  tenants.replace(parseTenants("tenants: { a: { maxRequests: 2, maxBytes: 100 } }"));
  for (const index of [0, 1]) answer(index);
  const answers = await stream.untilAnswered(3);
  assert.match(answers[2]?.errorMessage ?? "", /maxBytes 100/);
  await stream.finish();
  assertEmpty();
});

test("a message that waited goes to the model that serves by then, and leaves nothing behind where there is none", async (t) => {
  const subject = await start(t, "tenants: { a: { maxRequests: 1 } }");
  const { tenants, model, repository, harness, answer, assertEmpty } = subject;
  const stream = harness.client().stream({ "sluice-tenant": "a" });
  stream.send(encodeRequest("m", "1"), encodeRequest("m", "2"), encodeRequest("m", "3"));
  await model.untilAsked(1);
  await eventually(() => tenants.find("a").waitingCount === 1, "the second waits");
  const reloaded = new FakeModel("m");
  repository.models.set("m", reloaded);
  answer(0);
  await reloaded.untilAsked(1);
  assert.equal(model.asked.length, 1);
  await eventually(() => tenants.find("a").waitingCount === 1, "the third waits");
  repository.models.delete("m");
  const [{ request, reply }] = reloaded.asked as [Asked];
  reply.respond(answerTo(request), true);
  const answers = await stream.untilAnswered(3);
  assert.deepEqual(
    answers.map(({ errorMessage }) => errorMessage === ""),
    [true, true, false],
  );
  assert.match(answers[2]?.errorMessage ?? "", /unknown model: 'm'/);
  assert.equal((await stream.finish()).code, statusCodes.OK);
  assertEmpty();
  await harness.assertIdle();
});
