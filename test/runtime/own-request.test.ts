import assert from "node:assert/strict";
import { it } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import type { Model } from "../../src/runtime/model.ts";
import { askModel } from "../../src/runtime/own-request.ts";
import { answerTo, describe, FakeModel } from "../support/fake-repository.ts";
import { floats } from "../support/runtime-requests.ts";

const holding = (model: Model) => ({ find: () => model });
const question = {
  modelName: "m",
  modelVersion: "",
  inputs: ([name]: readonly string[]) => [floats(name!, [1, 2])],
  outputs: ["y"],
  timeoutMs: 50,
};

it("is refused first, last in its queue, and known as the server's own", async () => {
  const config = { name: "m", max_batch_size: 8, dynamic_batching: { priority_levels: 4 } };
  const model = new FakeModel(
    "m",
    ({ request, reply }) => reply.respond(answerTo(request), true),
    describe("m", { config }),
  );
  const response = await askModel(holding(model), question, 1000);
  assert.equal(response.outputs[0]?.name, "y");
  const [{ request, context }] = model.asked as [(typeof model.asked)[0]];
  assert.deepEqual([context.deadlineMs, context.criticality, context.isOwn], [1050, "SHEDDABLE", true]);
  assert.equal(request.parameters.get("priority"), 4);
  assert.deepEqual(request.requestedOutputs, [{ name: "y", classificationCount: 0 }]);
  assert.deepEqual([request.inputs[0]?.name, request.byteLength], ["x", 8]);
});

it("fails as anybody's request would", async () => {
  const failing = new FakeModel("m", ({ reply }) => reply.fail(new InferenceError("queue_full", "by the test")));
  await assert.rejects(askModel(holding(failing), question, 0), /by the test/);
});

it("is rejected where there is no such model", async () => {
  const find = () => {
    throw new InferenceError("not_found", "by the test");
  };
  await assert.rejects(askModel({ find }, question, 0), /by the test/);
});

it("is not for models that give any number of answers", async () => {
  const config = { name: "m", model_transaction_policy: { decoupled: true } };
  await assert.rejects(
    askModel(holding(new FakeModel("m", () => {}, describe("m", { config }))), question, 0),
    /any number of answers/,
  );
});
