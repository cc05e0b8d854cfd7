import assert from "node:assert/strict";
import { test } from "node:test";
import { maxWebhookBatch, maxWebhookPending, WebhookQueue } from "../../../src/monitor/alerts/webhook-queue.ts";
import type { Alert, AlertState } from "../../../src/monitor/monitor-report.ts";

function alertOf(name: string, state: AlertState = "ALERT_STATE_FIRING"): Alert {
  const rest = { metric: "accuracy", comparison: "below", sample_count: 1, message: "", severity: "warning" };
  return { name, model_name: "m", model_version: "1", state, ...rest };
}

const states = (alerts: readonly Alert[]) => alerts.map(({ name, state }) => `${name} ${state.slice(12)}`);

test("each alert waits in its newest state, the newest last", () => {
  const queue = new WebhookQueue();
  queue.push(alertOf("a"));
  queue.push(alertOf("b"));
  queue.push(alertOf("a", "ALERT_STATE_OK"));
  assert.deepEqual(states(queue.take()), ["b FIRING", "a OK"]);
  assert.equal(queue.delayMs(0), undefined);
});

test("what failed waits behind what was not tried, unless there is a newer state", () => {
  const queue = new WebhookQueue(() => 1);
  queue.push(alertOf("a"));
  queue.push(alertOf("b"));
  const batch = queue.take();
  queue.push(alertOf("c"));
  queue.push(alertOf("a", "ALERT_STATE_OK"));
  queue.settle(batch, "failed", 0);
  assert.deepEqual(states(queue.take()), ["c FIRING", "a OK", "b FIRING"]);
});

test("pauses double up to a minute, with jitter between half and all of them; success ends them", () => {
  const pauses = (random: number) => {
    const queue = new WebhookQueue(() => random);
    queue.push(alertOf("a"));
    return Array.from({ length: 9 }, () => {
      queue.settle(queue.take(), "failed", 0);
      return queue.delayMs(0);
    });
  };
  assert.deepEqual(pauses(1), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.deepEqual(pauses(0).slice(0, 3), [500, 1000, 2000]);
  const queue = new WebhookQueue();
  queue.push(alertOf("a"));
  queue.settle(queue.take(), "failed", 0);
  queue.settle(queue.take(), "taken", 0);
  queue.push(alertOf("b"));
  assert.equal(queue.delayMs(0), 0);
});

test("a longer pause that the receiver asks for is kept", () => {
  const queue = new WebhookQueue();
  queue.push(alertOf("a"));
  queue.settle(queue.take(), "failed", 1000, 30_000);
  assert.equal(queue.delayMs(1000), 30_000);
  assert.equal(queue.delayMs(21_000), 10_000);
});

test("what waits is bounded, and so is a delivery", () => {
  const queue = new WebhookQueue();
  let dropped = 0;
  for (let i = 0; i < maxWebhookPending + 5; i++) dropped += queue.push(alertOf(`a${i}`));
  assert.deepEqual([queue.size, dropped], [maxWebhookPending, 5]);
  const batch = queue.take();
  assert.equal(batch.length, maxWebhookBatch);
  assert.equal(batch[0]?.name, "a5");
});
