import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { connect, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { HttpServer, type HttpServerOptions } from "../../src/server/http.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { RecordingLog } from "../support/grpc-harness.ts";

async function start(t: TestContext, options: Partial<HttpServerOptions> = {}) {
  const repository = new FakeRepository(new ImmediateModel("seed"));
  const log = new RecordingLog();
  const config = { host: "127.0.0.1", insecure: false };
  const http = new HttpServer({ config, repository, isStopping: () => false, metrics: undefined, log, ...options });
  const { port } = await http.start(0);
  t.after(() => http.stop());
  const status = async (path: string, method = "GET") =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;
  return { http, port, repository, log, status };
}

/** What the server answers to bytes as they are. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => (text += chunk));
    socket.on("error", () => resolve(text));
    socket.on("close", () => resolve(text));
  });
}

test("health of server, models and versions", async (t) => {
  const { status, repository } = await start(t);
  assert.equal(await status("/v2/health/live"), 200);
  assert.equal(await status("/v2/health/ready"), 200);
  assert.equal(await status("/v2/health/ready?probe=1"), 200);
  assert.equal(await status("/v2/models/seed/ready"), 200);
  assert.equal(await status("/v2/models/seed/versions/1/ready"), 200);
  assert.equal(await status("/v2/models/seed/versions/2/ready"), 404);
  assert.equal(await status("/v2/models/nobody/ready"), 404);
  repository.setReady("seed", false);
  repository.isServerReady = false;
  assert.equal(await status("/v2/health/live"), 200);
  assert.equal(await status("/v2/health/ready"), 400);
  assert.equal(await status("/v2/models/seed/ready"), 400);
});

test("a stopping server is live and not ready", async (t) => {
  const { status } = await start(t, { isStopping: () => true });
  assert.equal(await status("/v2/health/live"), 200);
  assert.equal(await status("/v2/health/ready"), 400);
  assert.equal(await status("/v2/models/seed/ready"), 400);
});

test("all else is 404, other methods 405, broken escapes 400", async (t) => {
  const { status } = await start(t);
  for (const path of [
    "/",
    "/v2",
    "/v2/health",
    "/v2/health/live/x",
    "/metrics",
    "/v2/models/seed",
    "/v2/models/%2e%2e/ready",
  ]) {
    assert.equal(await status(path), 404, path);
  }
  assert.equal(await status("/v2/health/live", "POST"), 405);
  assert.equal(await status("/v2/health/live", "HEAD"), 200);
  assert.equal(await status("/v2/models/%ff/ready"), 400);
});

test("metrics come from the handler; its failure is a 500 that tells nothing", async (t) => {
  const good = await start(t, { metrics: async (response) => void response.end("a 1\n") });
  assert.equal(await (await fetch(`http://127.0.0.1:${good.port}/metrics`)).text(), "a 1\n");
  const bad = await start(t, { metrics: () => Promise.reject(new Error("/secret/path")) });
  const response = await fetch(`http://127.0.0.1:${bad.port}/metrics`);
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "");
  assert.equal(bad.log.lines.length, 1);
});

test("malformed requests are answered 400 and hurt nobody", async (t) => {
  const { port, status } = await start(t);
  for (const bytes of [
    "GET http:// HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "GET http:///v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "junk\r\n\r\n",
    "\x16\x03\x01\x00\xa5\x01\x00",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  ]) {
    assert.match(await raw(port, bytes), /^HTTP\/1\.1 400 /, JSON.stringify(bytes));
  }
  assert.match(await raw(port, `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 4/);
  assert.equal(await status("/v2/health/live"), 200);
});

test("beyond loopback only when that is meant", async (t) => {
  await assert.rejects(start(t, { config: { host: "0.0.0.0", insecure: false } }), InferenceError);
});

test("connections that cannot be accepted, as without file descriptors, are logged and end nothing", async (t) => {
  const { status, log } = await start(t);
  let server: Server | undefined;
  const onRequest = (message: unknown) => ({ server } = message as { server: Server });
  subscribe("http.server.request.start", onRequest);
  await status("/v2/health/live");
  unsubscribe("http.server.request.start", onRequest);
  server?.emit("error", new Error("accept EMFILE"));
  server?.emit("error", new Error("accept EMFILE"));
  assert.equal(log.lines.length, 2);
  assert.equal(await status("/v2/health/live"), 200);
});
