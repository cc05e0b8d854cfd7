import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ModelConfig, ModelConfigQueuePolicy } from "../../../src/model/model-config.ts";
import { isSimpleQueue, levelOf, queueFull, queuePolicy, timeoutOf } from "../../../src/runtime/queue/queue-policy.ts";
import { requestOf } from "../../support/runtime-requests.ts";

const request = (parameters: Record<string, number | bigint> = {}) =>
  requestOf([], { parameters: new Map(Object.entries(parameters)) });

describe("queuePolicy", () => {
  it("has one unbounded level without a word in the configuration", () => {
    assert.deepEqual(queuePolicy({}), {
      levels: [
        {
          action: "REJECT",
          timeoutMs: Number.POSITIVE_INFINITY,
          isOverrideAllowed: false,
          maxRequests: Number.POSITIVE_INFINITY,
        },
      ],
      defaultLevel: 1,
    });
  });

  it("takes a level's own policy before the default one", () => {
    const { levels, defaultLevel } = queuePolicy({
      dynamic_batching: {
        priority_levels: 3,
        default_priority_level: 2,
        default_queue_policy: { max_queue_size: 7 },
        priority_queue_policy: { "3": { timeout_action: "DELAY", default_timeout_microseconds: 2500 } },
      },
    });
    assert.deepEqual(
      levels.map(({ action, timeoutMs, maxRequests }) => [action, timeoutMs, maxRequests]),
      [
        ["REJECT", Number.POSITIVE_INFINITY, 7],
        ["REJECT", Number.POSITIVE_INFINITY, 7],
        ["DELAY", 2.5, Number.POSITIVE_INFINITY],
      ],
    );
    assert.equal(defaultLevel, 2);
  });
});

describe("levelOf", () => {
  const three = queuePolicy({ dynamic_batching: { priority_levels: 3, default_priority_level: 2 } });
  const one = queuePolicy({});
  const cases = [
    [three, {}, 2],
    [three, { priority: 0 }, 2],
    [three, { priority: 1 }, 1],
    [three, { priority: 3 }, 3],
    [three, { priority: 4 }, 2],
    [three, { priority: 2n ** 60n }, 2],
    [one, { priority: 3 }, 1],
  ] as const;
  for (const [policy, parameters, level] of cases) {
    it(`gives level ${level} of ${policy.levels.length} to ${JSON.stringify(Object.values(parameters).map(String))}`, () => {
      assert.equal(levelOf(request(parameters), policy), level);
    });
  }
});

describe("timeoutOf", () => {
  const level = (policy: ModelConfigQueuePolicy) =>
    queuePolicy({ dynamic_batching: { default_queue_policy: policy } }).levels[0]!;
  const cases: readonly [string, ModelConfigQueuePolicy, number | undefined, number][] = [
    ["no timeout anywhere", {}, undefined, Number.POSITIVE_INFINITY],
    ["the default", { default_timeout_microseconds: 5000 }, undefined, 5],
    [
      "a shorter wish where that is allowed",
      { default_timeout_microseconds: 5000, allow_timeout_override: true },
      2000,
      2,
    ],
    ["a longer wish changes nothing", { default_timeout_microseconds: 5000, allow_timeout_override: true }, 9000, 5],
    ["an equal wish changes nothing", { default_timeout_microseconds: 5000, allow_timeout_override: true }, 5000, 5],
    ["a wish that is not allowed", { default_timeout_microseconds: 5000 }, 2000, 5],
    ["zero is no wish", { default_timeout_microseconds: 5000, allow_timeout_override: true }, 0, 5],
    // Triton compares with a default of 0, below which nothing lies.
    ["without a default a wish has no effect", { allow_timeout_override: true }, 2000, Number.POSITIVE_INFINITY],
  ];
  for (const [name, policy, timeout, expected] of cases) {
    it(name, () => {
      assert.equal(timeoutOf(request(timeout === undefined ? {} : { timeout }), level(policy)), expected);
    });
  }
});

it("tells a full queue in Triton's words, with the request's id and when to come back", () => {
  const error = queueFull(requestOf([], { id: "q7" }), 40);
  assert.equal(error.message, "[request id: q7] Exceeds maximum queue size");
  assert.equal(error.reason, "queue_full");
  assert.equal(error.retryAfterMs, 40);
  assert.match(queueFull(request(), 1).message, /^\[request id: <id_unknown>\] /);
});

it("only a queue without priorities, timeouts and a size of its own is simple", () => {
  const isSimple = (batching: ModelConfig["dynamic_batching"]) =>
    isSimpleQueue(queuePolicy(batching === undefined ? {} : { dynamic_batching: batching }));
  assert.equal(isSimple(undefined), true);
  assert.equal(isSimple({}), true);
  assert.equal(isSimple({ priority_levels: 2, default_priority_level: 1 }), false);
  assert.equal(isSimple({ default_queue_policy: { default_timeout_microseconds: 1 } }), false);
  assert.equal(isSimple({ default_queue_policy: { allow_timeout_override: true } }), false);
  assert.equal(isSimple({ default_queue_policy: { max_queue_size: 1 } }), false);
});
