import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { InferenceError } from "../../src/errors.ts";
import { formatAddress, isLoopback, validateHost } from "../../src/server/listener.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, GrpcHarness } from "../support/grpc-harness.ts";

function open(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => {});
  });
}

const closed = (socket: Socket) => new Promise<void>((resolve) => void socket.resume().on("close", () => resolve()));

test("loopback is loopback and nothing else", () => {
  for (const host of ["127.0.0.1", "127.8.9.10", "::1", "localhost"]) assert.equal(isLoopback(host), true, host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "example.org", ""]) {
    assert.equal(isLoopback(host), false, host);
    assert.throws(
      () => validateHost({ host, insecure: false }),
      (error) =>
        error instanceof InferenceError && error.message.includes(`'${host}'`) && error.message.includes("--insecure"),
    );
    validateHost({ host, insecure: true });
  }
  assert.equal(formatAddress({ host: "::1", port: 8001 }), "[::1]:8001");
  assert.equal(formatAddress({ host: "127.0.0.1", port: 8001 }), "127.0.0.1:8001");
});

test("a port that is taken is an error that names it", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository());
  await assert.rejects(
    GrpcHarness.start(t, new FakeRepository(), { grpcPort: harness.port }),
    (error) =>
      error instanceof InferenceError && error.message === `cannot listen on ${harness.address}: the port is in use`,
  );
});

test("what is no HTTP/2 is cut off at once, what is silent after the time-out", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")), {
    handshakeTimeoutMs: 150,
  });
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", "\0\0\0\0", "PRI * HTTP/1"]) {
    const socket = await open(harness.port);
    const start = performance.now();
    socket.write(bytes);
    await closed(socket);
    assert.ok(performance.now() - start < 140, `${JSON.stringify(bytes)} is seen to be wrong`);
  }
  for (const bytes of ["", "P", "PRI * HTTP/2.0\r\n\r\nSM"]) {
    const socket = await open(harness.port);
    if (bytes !== "") socket.write(bytes);
    await closed(socket);
  }
  await eventually(() => harness.server.load.connections === 0, "all are gone");
  assert.equal((await harness.client().infer(encodeRequest("seed", ""))).code, 0);
});

test("a preface that comes byte by byte is a preface", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository());
  const socket = await open(harness.port);
  socket.setNoDelay(true);
  const session = connectHttp2(`http://${harness.address}`, {
    createConnection: () => socket,
  });
  t.after(() => session.destroy());
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  const slow = await open(harness.port);
  slow.setNoDelay(true);
  const settings = new Promise<Buffer>((resolve) => slow.once("data", resolve));
  for (const byte of Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1")) {
    slow.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await settings)[3], 4, "a SETTINGS frame");
  slow.destroy();
});

test("connections are capped, in all and per address", async (t) => {
  for (const cap of [{ maxConnections: 2 }, { maxConnectionsPerAddress: 2 }]) {
    const harness = await GrpcHarness.start(t, new FakeRepository(), cap);
    const first = await open(harness.port);
    const second = await open(harness.port);
    await eventually(() => harness.server.load.connections === 2, "two are open");
    await closed(await open(harness.port));
    assert.equal(harness.server.load.connections, 2);
    first.destroy();
    await eventually(() => harness.server.load.connections === 1, "one is left");
    const third = await open(harness.port);
    await eventually(() => harness.server.load.connections === 2, "there is room again");
    for (const socket of [second, third]) socket.destroy();
  }
});

test("the limits are announced to every peer", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(), {
    maxConcurrentStreams: 17,
    maxMetadataBytes: 4_321,
  });
  const { session } = harness.http2();
  const settings = await new Promise<any>((resolve) => session.once("remoteSettings", resolve));
  assert.equal(settings.maxConcurrentStreams, 17);
  assert.equal(settings.maxHeaderListSize, 4_321);
});
