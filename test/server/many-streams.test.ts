import assert from "node:assert/strict";
import { test } from "node:test";
import { statusCodes } from "../../src/protocol/status.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";
import { neededBytes } from "../support/process-memory.ts";

const streamCount = 1_000;

/** Streams of one connection. */
const perConnection = 250;

/** What a stream may take in this process, which is server and client: their HTTP/2 streams and what grpc-js and we hang on them. */
const mostBytes = 32 * 1024;

test("a thousand open streams take little memory, also once they were in use, and all of it is free afterwards", async (t) => {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")));
  const connections = Array.from({ length: streamCount / perConnection }, () => harness.http2());
  const message = frame(encodeRequest("seed", "", undefined, 1_000)); // 4 KB
  const before = neededBytes();
  const streams = Array.from({ length: streamCount }, (_, i) => {
    const stream = connections[i % connections.length]!.open("ModelStreamInfer");
    stream.resume();
    return stream;
  });
  await eventually(() => harness.server.load.openCalls === streamCount, "all are open");
  for (let round = 1; round <= 3; round++) {
    for (const stream of streams) stream.write(message);
    await eventually(() => harness.observer.sent === round * streamCount, `round ${round} is answered`);
  }
  const bytesPerStream = (neededBytes() - before) / streamCount;
  t.diagnostic(`${Math.round(bytesPerStream)} bytes a stream`);
  assert.ok(bytesPerStream <= mostBytes, `${bytesPerStream} bytes a stream`);
  assert.equal(harness.server.load.bufferedBytes, 0);
  const statuses = streams.map((stream) => rawStatus(stream));
  for (const stream of streams) stream.end();
  assert.ok((await Promise.all(statuses)).every(({ grpc }) => grpc === statusCodes.OK));
  await harness.assertIdle();
});
