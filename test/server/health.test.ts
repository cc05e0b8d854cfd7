import assert from "node:assert/strict";
import { test } from "node:test";
import { healthService } from "../../src/protocol/definitions.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { answerTo, FakeModel, FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, GrpcHarness } from "../support/grpc-harness.ts";

/** A Watch call: its states so far and how it ended. */
function watch(harness: GrpcHarness, service: string) {
  const states: string[] = [];
  const call = (harness.control(healthService()).grpc as any).Watch({ service });
  call.on("data", ({ status }: { status: string }) => states.push(status));
  call.on("error", () => {});
  const ended = new Promise<{ code: number }>((resolve) => call.on("status", resolve));
  return { states, call, ended };
}

test("Check knows the server, models and versions", async (t) => {
  const repository = new FakeRepository(new ImmediateModel("seed"));
  const harness = await GrpcHarness.start(t, repository);
  const check = (service: string) => harness.control(healthService()).call("Check", { service });
  for (const service of ["", "inference.GRPCInferenceService", "seed", "seed/1"]) {
    assert.deepEqual((await check(service)).responses, [{ status: "SERVING" }], service);
  }
  repository.setReady("seed", false);
  assert.deepEqual((await check("seed")).responses, [{ status: "NOT_SERVING" }]);
  repository.setReady("seed", true);
  for (const service of ["nobody", "seed/2", "seed/", "/", "__proto__"]) {
    assert.equal((await check(service)).code, statusCodes.NOT_FOUND, service);
  }
  repository.isServerReady = false;
  assert.deepEqual((await check("")).responses, [{ status: "NOT_SERVING" }]);
  await harness.assertIdle();
});

test("List names the server and every model", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const [list] = (await harness.control(healthService()).call("List")).responses;
  const statuses = list.statuses instanceof Map ? Object.fromEntries(list.statuses) : list.statuses;
  assert.deepEqual(Object.keys(statuses).sort(), ["", "inference.GRPCInferenceService", "seed"]);
});

test("Watch sends the state now and each change, once", async (t) => {
  const repository = new FakeRepository(new ImmediateModel("seed"));
  const harness = await GrpcHarness.start(t, repository);
  const seed = watch(harness, "seed");
  const later = watch(harness, "later");
  await eventually(() => seed.states.length === 1 && later.states.length === 1, "first states");
  repository.setReady("seed", false);
  await eventually(() => seed.states.length === 2, "second state");
  repository.setReady("seed", false); // no change
  repository.models.set("later", new ImmediateModel("later"));
  repository.setReady("later", true);
  await eventually(() => later.states.length === 2, "the model appeared");
  repository.setReady("seed", true);
  await eventually(() => seed.states.length === 3, "third state");
  assert.deepEqual(seed.states, ["SERVING", "NOT_SERVING", "SERVING"]);
  assert.deepEqual(later.states, ["SERVICE_UNKNOWN", "SERVING"]);
  seed.call.cancel();
  later.call.cancel();
  await harness.assertIdle();
});

test("a stopping server reports NOT_SERVING, then ends its watchers with UNAVAILABLE", async (t) => {
  const repository = new FakeRepository(new ImmediateModel("seed"));
  const harness = await GrpcHarness.start(t, repository, { drainDelayMs: 50 });
  const server = watch(harness, "");
  const seed = watch(harness, "seed");
  await eventually(() => server.states.length === 1 && seed.states.length === 1, "first states");
  const drained = harness.server.drain();
  await eventually(() => server.states.length === 2 && seed.states.length === 2, "both heard of it");
  const during = await harness.control(healthService()).call("Check", { service: "" });
  assert.deepEqual(during.responses, [{ status: "NOT_SERVING" }], "new connections are still taken");
  assert.equal((await harness.control().call("RepositoryIndex")).code, statusCodes.OK, "and so is new work");
  await drained;
  assert.equal((await server.ended).code, statusCodes.UNAVAILABLE);
  assert.deepEqual(server.states, ["SERVING", "NOT_SERVING"]);
  assert.equal(repository.listenerCount, 0);
  await harness.assertIdle();
});

test("a watcher that calls again while the server stops is refused, and holds nothing up", async (t) => {
  const slow = new FakeModel("slow");
  const harness = await GrpcHarness.start(t, new FakeRepository(slow));
  const { grpc } = harness.control(healthService()) as any;
  const watchAgain = async (): Promise<number> => {
    const call = grpc
      .Watch({ service: "" })
      .on("error", () => {})
      .resume();
    return new Promise((resolve) => call.on("status", ({ code }: { code: number }) => resolve(code)));
  };
  const first = watchAgain();
  await eventually(() => harness.server.load.healthWatchers === 1, "the watcher");
  const unary = harness.client().infer(encodeRequest("slow", ""));
  await slow.untilAsked(1);
  const stopped = harness.server.stop(performance.now() + 10_000);
  assert.equal(await first, statusCodes.UNAVAILABLE);
  assert.equal(await watchAgain(), statusCodes.UNAVAILABLE);
  for (const { request, reply } of slow.asked) reply.respond(answerTo(request), true);
  assert.equal((await unary).code, statusCodes.OK);
  assert.equal(await stopped, true, "all calls ended by themselves");
});
