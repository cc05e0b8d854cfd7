import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { webhookTarget } from "../../../src/monitor/alerts/webhook-target.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const none = { alertWebhook: "", alertWebhookHeaderFile: "", alertWebhookSecretFile: "" };
const hook = { ...none, alertWebhook: "http://localhost:9/hook" };

test("without a URL there is no webhook", () => {
  assert.equal(webhookTarget(none), undefined);
});

test("files for a webhook that there is none of are a mistake", () => {
  assert.throws(() => webhookTarget({ ...none, alertWebhookSecretFile: "x" }), /secret-file needs --alert-webhook/);
  assert.throws(() => webhookTarget({ ...none, alertWebhookHeaderFile: "x" }), /header-file needs --alert-webhook/);
});

test("a secret of random bytes is refused: read as text it would be another", (context) => {
  const path = join(temporaryFolder(context), "secret");
  writeFileSync(path, Buffer.alloc(32, 0xc3), { mode: 0o600 });
  assert.throws(() => webhookTarget({ ...hook, alertWebhookSecretFile: path }), /no UTF-8 text: write bytes in hex/);
});

test("only http and https URLs without a password are taken", () => {
  assert.equal(webhookTarget(hook)?.url.pathname, "/hook");
  for (const alertWebhook of ["localhost:9", "file:///etc/passwd", "ftp://x", "://", "hook"]) {
    assert.throws(() => webhookTarget({ ...none, alertWebhook }), /no http or https URL/, alertWebhook);
  }
  const alertWebhook = "https://user:hidden@host/";
  assert.throws(
    () => webhookTarget({ ...none, alertWebhook }),
    (error: Error) => !error.message.includes("hidden"),
  );
});

test("headers and secret come from files, and are read anew each time", (context) => {
  const folder = temporaryFolder(context);
  const [headers, secret] = [join(folder, "headers"), join(folder, "secret")];
  writeFileSync(headers, "# who we are\nAuthorization: Bearer one\r\n\nX-Team:  a: b \n");
  writeFileSync(secret, "0123456789abcdef\n");
  for (const path of [headers, secret]) chmodSync(path, 0o600);
  const target = webhookTarget({ ...hook, alertWebhookHeaderFile: headers, alertWebhookSecretFile: secret });
  assert.deepEqual(target?.credentials().headers, { authorization: "Bearer one", "x-team": "a: b" });
  assert.equal(Buffer.from(target?.credentials().secret ?? []).toString(), "0123456789abcdef");
  writeFileSync(headers, "authorization: Bearer two");
  assert.deepEqual(target?.credentials().headers, { authorization: "Bearer two" });
});

test("files that cannot be used are refused at start, without their content in the message", (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, "file");
  const withHeaders = { ...hook, alertWebhookHeaderFile: path };
  assert.throws(() => webhookTarget(withHeaders), /--alert-webhook-header-file '.*' cannot be read/);
  for (const line of [
    "token",
    ": token",
    "Host: token",
    "Content-Length: 1",
    "sluice-signature: token",
    "a b: token",
  ]) {
    writeFileSync(path, `ok: 1\n${line}`, { mode: 0o600 });
    assert.throws(
      () => webhookTarget(withHeaders),
      (error: Error) => /line 2 is no header/.test(error.message) && !error.message.includes("token"),
      line,
    );
  }
  writeFileSync(path, "short");
  assert.throws(() => webhookTarget({ ...hook, alertWebhookSecretFile: path }), /the secret has 5 bytes, at least 16/);
  chmodSync(path, 0o644);
  assert.throws(() => webhookTarget(withHeaders), /has mode 0644: whoever can read it can send alerts/);
});
