import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openMonitorResources } from "../../src/monitor/server-monitor.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const silent = { info() {}, warn() {}, error() {} };
const none = {
  metrics: true,
  monitorPage: true,
  alertWebhook: "",
  alertWebhookHeaderFile: "",
  alertWebhookSecretFile: "",
  payloadLogFolder: "",
  tokenKeyFile: "",
  maxPredictionBytes: 1e6,
  maxMessageBytes: 1e6,
};

test("what the options name is opened where models are watched", (context) => {
  const payloadLogFolder = join(temporaryFolder(context), "new");
  const plain = openMonitorResources(none, silent);
  assert.deepEqual([plain?.webhook, plain?.payloadLogs], [undefined, undefined]);
  const full = openMonitorResources({ ...none, payloadLogFolder, alertWebhook: "http://localhost:9/" }, silent);
  assert.ok(full?.payloadLogs !== undefined && full.webhook !== undefined && existsSync(payloadLogFolder));
});

test("without metrics nothing is watched, and what would be sent or written is a mistake", (context) => {
  const off = { ...none, metrics: false };
  const payloadLogFolder = join(temporaryFolder(context), "new");
  assert.equal(openMonitorResources(off, silent), undefined);
  assert.throws(
    () => openMonitorResources({ ...off, payloadLogFolder }, silent),
    /--payload-log-folder needs --metrics/,
  );
  assert.equal(existsSync(payloadLogFolder), false);
  const alertWebhook = "http://localhost:9/";
  assert.throws(() => openMonitorResources({ ...off, alertWebhook }, silent), /--alert-webhook needs --metrics/);
});

test("token keys that cannot be used are told before anything starts", (context) => {
  const tokenKeyFile = join(temporaryFolder(context), "keys");
  writeFileSync(tokenKeyFile, "no key", { mode: 0o644 });
  assert.throws(() => openMonitorResources({ ...none, tokenKeyFile }, silent), /token key file '.*' has mode 0644/);
});
