import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { AlertBoard } from "../../../src/monitor/alerts/alert-board.ts";
import { AlertWebhook } from "../../../src/monitor/alerts/webhook.ts";
import type { AlertState } from "../../../src/monitor/monitor-report.ts";
import { eventually } from "../../support/eventually.ts";
import { WebhookReceiver } from "../../support/webhook-receiver.ts";

/** A clock on which pauses are a thousandth of what they are, so that tests need not wait for retries. */
const fastClock = {
  nowMs: () => 1_700_000_000_000 + performance.now() * 1000,
  after(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs / 1000);
    return () => clearTimeout(timer);
  },
};

function start(context: TestContext, url: string, secret?: string, timeoutMs = 300) {
  const board = new AlertBoard();
  const logged: string[] = [];
  const drops: string[] = [];
  const webhook = new AlertWebhook({
    target: {
      url: new URL(url),
      credentials: () => ({ headers: { authorization: "Bearer t" }, secret: secret ? Buffer.from(secret) : undefined }),
    },
    board,
    sender: { serverInstance: "i", serverVersion: "1.2.3" },
    clock: fastClock,
    drop: (reason, count) => drops.push(`${reason} ${count}`),
    report: (level, message) => logged.push(`${level} ${message}`),
    timeoutMs,
    wallMs: () => Date.UTC(2030, 0, 2),
  });
  context.after(() => webhook.stop(0));
  const update = (name: string, state: AlertState, isSentByWebhook = true) =>
    board.update(
      {
        name,
        model_name: "m",
        model_version: "1",
        state,
        since: { seconds: 60, nanos: 500_000_000 },
        metric: "accuracy",
        value: 0.5,
        threshold: 0.9,
        comparison: "below",
        sample_count: 300,
        message: "It is low.",
        severity: "critical",
      },
      isSentByWebhook,
    );
  return { board, webhook, logged, drops, update };
}

test("an alert that begins or ceases to fire is sent, signed, as documented; other changes are not", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  const { update } = start(context, receiver.url, "a secret of some length");
  update("drop", "ALERT_STATE_OK");
  update("drop", "ALERT_STATE_PENDING");
  update("quiet", "ALERT_STATE_FIRING", false);
  update("drop", "ALERT_STATE_FIRING");
  await eventually(() => assert.equal(receiver.received.length, 1));
  const [{ headers, body, path }] = receiver.received as [(typeof receiver.received)[0]];
  assert.equal(path, "/hook?key=1");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers.authorization, "Bearer t");
  assert.equal(headers["user-agent"], "sluice/1.2.3");
  const { sent_at, ...rest } = JSON.parse(body);
  assert.equal(sent_at, "2030-01-02T00:00:00.000Z", "the machine's clock, not the monitor's");
  assert.deepEqual(rest, {
    version: 1,
    server_instance: "i",
    server_version: "1.2.3",
    alerts: [
      {
        name: "drop",
        model_name: "m",
        model_version: "1",
        state: "firing",
        since: "1970-01-01T00:01:00.500Z",
        metric: "accuracy",
        value: 0.5,
        threshold: 0.9,
        comparison: "below",
        sample_count: 300,
        message: "It is low.",
        severity: "critical",
      },
    ],
  });
  const [, seconds, code] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["sluice-signature"])) ?? [];
  const expected = createHmac("sha256", "a secret of some length").update(`${seconds}.${body}`).digest("hex");
  assert.deepEqual([seconds, code], [String(Date.UTC(2030, 0, 2) / 1000), expected]);
  update("drop", "ALERT_STATE_OK");
  await eventually(() => assert.equal(receiver.received.length, 2));
  assert.equal(JSON.parse(receiver.received[1]?.body ?? "").alerts[0].state, "ok");
});

test("a stop delivers all that waits, not the first hundred", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  const { update, webhook, drops } = start(context, receiver.url);
  for (let i = 0; i < 250; i++) update(`alert ${i}`, "ALERT_STATE_FIRING");
  await webhook.stop(5_000);
  const sent = receiver.received.map(({ body }) => JSON.parse(body).alerts.length);
  assert.equal(
    sent.reduce((sum, count) => sum + count, 0),
    250,
  );
  assert.deepEqual(drops, []);
});

test("what a stop cannot deliver is counted, whether the receiver fails or hangs", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  for (const answer of [(response: ServerResponse) => void response.writeHead(500).end(), () => {}]) {
    receiver.answer = answer;
    const { update, webhook, drops } = start(context, receiver.url);
    for (let i = 0; i < 250; i++) update(`alert ${i}`, "ALERT_STATE_FIRING");
    await webhook.stop(200);
    assert.deepEqual(drops, ["stopped 250"]);
  }
});

test("a receiver that answers 500 is asked again until it takes the newest state, and the log says so once", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  let answers = 0;
  receiver.answer = (response) => void response.writeHead(answers++ < 3 ? 500 : 200).end();
  const { update, webhook, logged, drops } = start(context, receiver.url);
  update("drop", "ALERT_STATE_FIRING");
  await eventually(() => assert.deepEqual([webhook.pending, receiver.received.length], [0, 4]));
  assert.deepEqual(logged, [
    "warn alerts were not delivered and are tried again",
    "info the alert webhook takes alerts again",
  ]);
  assert.deepEqual(drops, []);
});

test("a receiver that hangs costs its time-out and nothing else; what happens meanwhile waits in its newest state", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  receiver.answer = () => {};
  const { update, webhook } = start(context, receiver.url, undefined, 50);
  update("a", "ALERT_STATE_FIRING");
  await eventually(() => assert.equal(receiver.received.length, 1));
  for (let i = 0; i < 100; i++) {
    update("a", i % 2 === 0 ? "ALERT_STATE_OK" : "ALERT_STATE_FIRING");
    update("b", i % 2 === 0 ? "ALERT_STATE_FIRING" : "ALERT_STATE_OK");
  }
  assert.equal(webhook.pending, 2);
  receiver.answer = (response) => void response.writeHead(200).end();
  await eventually(() => assert.equal(webhook.pending, 0));
  await eventually(() => {
    const last = JSON.parse(receiver.received.at(-1)?.body ?? "").alerts;
    assert.deepEqual(
      last.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`),
      ["a firing", "b ok"],
    );
  });
});

test("nobody listens: tried again, delivered when somebody does", async (context) => {
  const gone = await WebhookReceiver.start(context);
  const { url } = gone;
  gone.stop();
  const { update, webhook, logged } = start(context, url);
  update("a", "ALERT_STATE_FIRING");
  await eventually(() => assert.deepEqual([logged.length, webhook.pending], [1, 1]));
});

test("redirects are not followed, and a refusal is not repeated", async (context) => {
  const elsewhere = await WebhookReceiver.start(context);
  const receiver = await WebhookReceiver.start(context);
  receiver.answer = (response) => void response.writeHead(307, { location: elsewhere.url }).end();
  const { update, webhook, drops, logged } = start(context, receiver.url);
  update("a", "ALERT_STATE_FIRING");
  await eventually(() => assert.deepEqual(drops, ["refused 1"]));
  receiver.answer = (response) => void response.writeHead(400).end();
  update("a", "ALERT_STATE_OK");
  await eventually(() => assert.deepEqual(drops, ["refused 1", "refused 1"]));
  assert.equal(elsewhere.received.length, 0);
  assert.equal(webhook.pending, 0);
  assert.equal(logged.length, 2);
});

test("a stop delivers what waits, and does not outlast its budget", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  const { update, webhook } = start(context, receiver.url);
  update("a", "ALERT_STATE_FIRING");
  await webhook.stop(2000);
  assert.equal(receiver.received.length, 1);
  receiver.answer = () => {};
  const hanging = start(context, receiver.url, undefined, 60_000);
  hanging.update("a", "ALERT_STATE_FIRING");
  await eventually(() => assert.equal(receiver.received.length, 2));
  await hanging.webhook.stop(20); // would wait for a minute otherwise
  await eventually(() => assert.equal(receiver.connections, 0));
});

test("an answer without end does not hold the next delivery up", async (context) => {
  const receiver = await WebhookReceiver.start(context);
  receiver.answer = (response) => {
    response.writeHead(200);
    response.write("x".repeat(100_000)); // never ended
  };
  const { update, webhook } = start(context, receiver.url, undefined, 60_000);
  update("a", "ALERT_STATE_FIRING");
  await eventually(() => assert.equal(receiver.received.length, 1));
  update("a", "ALERT_STATE_OK");
  await eventually(() => assert.equal(receiver.received.length, 2));
  assert.equal(webhook.pending, 0);
});
