import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { statusCodes } from "../../src/protocol/status.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";

/**
 * What hostile and broken peers send below the protobuf. Every case ends with the same oracle: a good call succeeds on another
 * connection, and nothing is left of the attack.
 */
async function assertUnharmed(harness: GrpcHarness): Promise<void> {
  const { code } = await harness.client().infer(encodeRequest("seed", "after"));
  assert.equal(code, statusCodes.OK, "the next good call");
  await harness.assertIdle();
}

const start = (t: Parameters<typeof GrpcHarness.start>[0], options = {}) =>
  GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")), options);

/** A raw HTTP/2 connection: preface and empty SETTINGS are sent. */
async function rawHttp2(
  harness: GrpcHarness,
): Promise<{ socket: Socket; closed: Promise<void>; isClosed: () => boolean }> {
  const socket = await new Promise<Socket>((resolve) => {
    const opening: Socket = connect(harness.port, "127.0.0.1", () => resolve(opening));
  });
  let gone = false;
  socket.on("error", () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) =>
    socket.on("close", () => {
      gone = true;
      resolve();
    }),
  );
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(http2Frame(4, 0, 0));
  return { socket, closed, isClosed: () => gone };
}

function http2Frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** Literal header fields without indexing (RFC 7541, 6.2.2). */
function headerBlock(headers: Record<string, string>): Buffer {
  const parts = Object.entries(headers).flatMap(([name, value]) => [
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
  return Buffer.concat(parts);
}

const callHeaders = {
  ":method": "POST",
  ":scheme": "http",
  ":path": "/inference.GRPCInferenceService/ModelInfer",
  "content-type": "application/grpc",
  te: "trailers",
};

test("W1: bytes that are no HTTP/2 close their connection", async (t) => {
  const harness = await start(t, { handshakeTimeoutMs: 200 });
  const random = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167 + 13) % 256));
  for (const bytes of [
    Buffer.from("POST / HTTP/1.1\r\nhost: x\r\n\r\n"),
    Buffer.from([22, 3, 1, 2, 0, 1, 0]),
    random,
    Buffer.from("PRI *"),
  ]) {
    const socket = connect(harness.port, "127.0.0.1", () => socket.write(bytes));
    socket.on("error", () => {});
    await new Promise<void>((resolve) => void socket.resume().on("close", () => resolve()));
  }
  await assertUnharmed(harness);
});

test("W1: garbage after a good preface closes the connection", async (t) => {
  const harness = await start(t);
  const { socket, closed } = await rawHttp2(harness);
  socket.write(Buffer.alloc(64, 0xff));
  await closed;
  await assertUnharmed(harness);
});

test("W2: malformed requests are reset or refused and the process lives", async (t) => {
  const harness = await start(t);
  const heads: Record<string, string>[] = [
    {}, // no pseudo headers at all
    { ":method": "POST" },
    { ":method": "POST", ":path": "", ":scheme": "http" },
    { ":path": "/x", ":scheme": "http" },
    { ...callHeaders, ":nonsense": "1" },
    { ...callHeaders, "Upper-Case": "1" },
    { ...callHeaders, connection: "close" },
    { ...callHeaders, ":path": "no-slash" },
    { ...callHeaders, "grpc-timeout": "soon" },
    { ...callHeaders, "grpc-timeout": "99999999H" },
    { ...callHeaders, "grpc-timeout": "597H" },
    { ...callHeaders, "grpc-encoding": "" },
  ];
  for (const head of heads) {
    const { socket } = await rawHttp2(harness);
    socket.write(http2Frame(1, 0x5, 1, headerBlock(head))); // END_HEADERS and END_STREAM
    socket.write(http2Frame(6, 0, 0, Buffer.alloc(8))); // a ping, so that there is an answer
    await new Promise((resolve) => setImmediate(resolve));
    socket.end();
  }
  await assertUnharmed(harness);
});

test("W3: corrupt compression is INTERNAL", async (t) => {
  const harness = await start(t);
  const stream = harness.http2().open("ModelInfer", { "grpc-encoding": "gzip" });
  stream.end(frame(Buffer.from("this is no gzip"), 1));
  assert.equal((await rawStatus(stream)).grpc, statusCodes.INTERNAL);
  await assertUnharmed(harness);
});

test("W4: a message that inflates beyond the limit is RESOURCE_EXHAUSTED, and so is a long one", async (t) => {
  const harness = await start(t, { maxMessageBytes: 100_000 });
  const bomb = harness.http2().open("ModelInfer", { "grpc-encoding": "gzip" });
  bomb.end(frame(gzipSync(Buffer.alloc(50_000_000)), 1));
  assert.equal((await rawStatus(bomb)).grpc, statusCodes.RESOURCE_EXHAUSTED);
  const long = harness.http2().open("ModelStreamInfer");
  long.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3]));
  assert.equal((await rawStatus(long)).grpc, statusCodes.RESOURCE_EXHAUSTED);
  await assertUnharmed(harness);
});

test("a compressed request is an ordinary request", async (t) => {
  const harness = await start(t);
  const stream = harness.http2().open("ModelInfer", { "grpc-encoding": "gzip" });
  stream.end(frame(gzipSync(encodeRequest("seed", "z")), 1));
  assert.equal((await rawStatus(stream)).grpc, statusCodes.OK);
  await assertUnharmed(harness);
});

test("W5: an unknown encoding is UNIMPLEMENTED", async (t) => {
  const harness = await start(t);
  const stream = harness.http2().open("ModelInfer", { "grpc-encoding": "lzw" });
  stream.end(frame(encodeRequest("seed", ""), 1));
  assert.equal((await rawStatus(stream)).grpc, statusCodes.UNIMPLEMENTED);
  await assertUnharmed(harness);
});

test("W6: floods of resets, settings, pings and continuations end their own connection only", async (t) => {
  const harness = await start(t);
  const neighbour = harness.client();
  assert.equal((await neighbour.infer(encodeRequest("seed", "before"))).code, statusCodes.OK);
  const block = headerBlock(callHeaders);
  const floods: Record<string, (i: number) => Buffer> = {
    resets: (i) =>
      Buffer.concat([http2Frame(1, 0x4, 2 * i + 1, block), http2Frame(3, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8]))]),
    settings: () => http2Frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0xff, 0xff])),
    continuations: (i) =>
      i === 0 ? http2Frame(1, 0, 1, block) : http2Frame(9, 0, 1, headerBlock({ x: "y".repeat(100) })),
    windowOverflow: () => http2Frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])),
  };
  for (const [name, flood] of Object.entries(floods)) {
    const { socket, isClosed } = await rawHttp2(harness);
    for (let batch = 0; batch < 40 && !isClosed(); batch++) {
      socket.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => flood(batch * 500 + i))));
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (name === "settings") socket.destroy();
    else await eventually(isClosed, `${name}: the connection is closed`);
    assert.equal((await neighbour.infer(encodeRequest("seed", name))).code, statusCodes.OK, name);
  }
  await assertUnharmed(harness);
});

test("W7: metadata beyond the limit, in strange forms and with the names of prototypes", async (t) => {
  const harness = await start(t, { maxMetadataBytes: 4_096 });
  const client = harness.http2();
  await rawStatus(client.open("ServerLive").end()); // the limit holds once the peer has acknowledged it
  const large = client.open("ModelInfer", { big: "x".repeat(20_000) });
  large.end(frame(encodeRequest("seed", "")));
  const refused = await rawStatus(large);
  assert.ok(refused.grpc !== statusCodes.OK, JSON.stringify(refused));
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, "v"]));
  const crowded = harness.http2().open("ModelInfer", many);
  crowded.end(frame(encodeRequest("seed", "")));
  assert.ok((await rawStatus(crowded)).grpc !== statusCodes.OK);

  for (const headers of [
    { ["__proto__"]: "x", constructor: "y" },
    { "data-bin": "*** no base64 ***" },
    { "sluice-output-contents": "typed, please" },
    { traceparent: "\t" },
  ] as Record<string, string>[]) {
    const stream = harness.http2().open("ModelInfer", headers);
    stream.end(frame(encodeRequest("seed", "")));
    assert.equal((await rawStatus(stream)).grpc, statusCodes.OK, JSON.stringify(headers));
  }
  await assertUnharmed(harness);
});

test("W8: other content types, services and HTTP methods", async (t) => {
  const harness = await start(t);
  const wrongType = harness.http2().open("ModelInfer", { "content-type": "text/html" });
  wrongType.end();
  assert.equal((await rawStatus(wrongType)).http, 415);
  for (const path of [
    "/inference.GRPCInferenceService/Nothing",
    "/nothing.Service/ModelInfer",
    "/",
    "/../etc/passwd",
  ]) {
    const unknown = harness.http2().open("ModelInfer", { ":path": path });
    unknown.end(frame(encodeRequest("seed", "")));
    assert.equal((await rawStatus(unknown)).grpc, statusCodes.UNIMPLEMENTED, path);
  }
  await assertUnharmed(harness);
});

test("W9: none or two messages on a unary call are UNIMPLEMENTED", async (t) => {
  const harness = await start(t);
  const message = frame(encodeRequest("seed", ""));
  for (const method of ["ModelInfer", "ServerLive"]) {
    const two = harness.http2().open(method);
    two.end(Buffer.concat([message, message]));
    assert.equal((await rawStatus(two)).grpc, statusCodes.UNIMPLEMENTED);
    const none = harness.http2().open(method);
    none.end();
    assert.equal((await rawStatus(none)).grpc, statusCodes.UNIMPLEMENTED);
    const cut = harness.http2().open(method);
    cut.end(message.subarray(0, 3));
    assert.equal((await rawStatus(cut)).grpc, statusCodes.UNIMPLEMENTED);
  }
  await assertUnharmed(harness);
});

test("undecodable control messages are INTERNAL at most, and tell nothing of ours", async (t) => {
  const harness = await start(t);
  const stream = harness.http2().open("ModelMetadata");
  stream.end(frame(Buffer.from([0xff, 0xff, 0xff])));
  const { grpc, details } = await rawStatus(stream);
  assert.equal(grpc, statusCodes.INTERNAL);
  assert.doesNotMatch(details, /\/|\.ts|at /);
  await assertUnharmed(harness);
});
