import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import type { Reply } from "../../src/inference.ts";
import { type Model, responses } from "../../src/runtime/model.ts";
import { answerTo, describe } from "../support/fake-repository.ts";
import { contextOf, requestOf } from "../support/runtime-requests.ts";

const modelOf = (infer: (reply: Reply) => void): Model => ({
  description: describe("m"),
  infer: (_request, _context, reply) => infer(reply),
});

const request = requestOf([]);

test("responses gives every answer in order, those that were there at once and those that come later", async () => {
  const model = modelOf((reply) => {
    reply.respond(answerTo(request), false);
    setImmediate(() => {
      reply.respond(answerTo(request), false);
      reply.respond(answerTo(request), true);
    });
  });
  let count = 0;
  for await (const response of responses(model, request, contextOf())) {
    assert.equal(response.modelVersion, "1");
    count++;
  }
  assert.equal(count, 3);
});

test("responses throws what the model fails with, after the answers before it", async () => {
  const failure = new InferenceError("runtime", "by the test");
  const model = modelOf((reply) => {
    reply.respond(answerTo(request), false);
    reply.fail(failure);
  });
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const response of responses(model, request, contextOf())) seen.push(response.modelName);
  }, failure);
  assert.equal(seen.length, 1);
});
