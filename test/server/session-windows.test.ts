import assert from "node:assert/strict";
import type { ClientHttp2Session } from "node:http2";
import { type TestContext, test } from "node:test";
import type { ServeConfig } from "../../src/config.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import { FakeRepository, ImmediateModel } from "../support/fake-repository.ts";
import { encodeRequest, eventually, frame, GrpcHarness, rawStatus } from "../support/grpc-harness.ts";

/** What HTTP/2 begins with. */
const initialBytes = 65_535;

/** A megabyte of floats. */
const bulk = frame(encodeRequest("seed", "bulk", undefined, 2 ** 18));

interface Bulk {
  readonly harness: GrpcHarness;
  readonly session: ClientHttp2Session;
  /** Sends messages on a stream of its own and resolves to its status. */
  send(message: Buffer, count: number): Promise<number>;
  /** The windows that the server has announced: of a stream, and what is left of the connection's. */
  windows(): { readonly stream: number; readonly connection: number };
}

async function start(t: TestContext, options: Partial<ServeConfig> = {}): Promise<Bulk> {
  const harness = await GrpcHarness.start(t, new FakeRepository(new ImmediateModel("seed")), options);
  const client = harness.http2();
  const { session } = client;
  const send = async (message: Buffer, count: number) => {
    const stream = client.open("ModelStreamInfer");
    for (let i = 0; i < count; i++) stream.write(message);
    stream.end();
    return (await rawStatus(stream)).grpc;
  };
  const windows = () => ({
    stream: session.remoteSettings.initialWindowSize ?? 0,
    connection: session.state.remoteWindowSize ?? 0,
  });
  return { harness, session, send, windows };
}

test("a connection that carries bulk is given larger windows, and a new one begins small again", async (t) => {
  const { harness, send, windows } = await start(t);
  assert.equal(await send(bulk, 24), statusCodes.OK);
  assert.ok(windows().stream >= 2 ** 20, `the stream's window is ${windows().stream}`);
  await eventually(() => windows().connection > 2 ** 20, `the connection's window is ${windows().connection}`);
  const second = harness.http2();
  await new Promise((resolve) => second.session.once("remoteSettings", resolve));
  assert.equal(second.session.remoteSettings.initialWindowSize, initialBytes);
  await harness.assertIdle();
  assert.equal(harness.server.load.grownWindowBytes, 0, "no call, no growth that counts");
});

test("a stream that is open holds its growth until it ends, or its connection does", async (t) => {
  const { harness, session } = await start(t);
  const stream = harness.http2().open("ModelStreamInfer");
  stream.resume();
  for (let i = 0; i < 24; i++) stream.write(bulk);
  await eventually(() => harness.observer.sent === 24, "all are answered");
  assert.ok(harness.server.load.grownWindowBytes >= 2 ** 20 - initialBytes);
  stream.session?.destroy();
  await harness.assertIdle();
  assert.equal(harness.server.load.grownWindowBytes, 0);
  session.close();
});

test("the windows stay as they are where options say so", async (t) => {
  for (const options of [{ bulkWindowBytes: initialBytes }, { bulkWindowBudgetBytes: 0 }]) {
    const { send, windows } = await start(t, options);
    assert.equal(await send(bulk, 8), statusCodes.OK);
    assert.equal(windows().stream, initialBytes);
    assert.ok(windows().connection <= initialBytes);
  }
});

test("streams of small messages that leave the window half empty change nothing", async (t) => {
  const { harness, send, windows } = await start(t);
  const small = frame(encodeRequest("seed", "", undefined, 16));
  for (let i = 0; i < 20; i++) assert.equal(await send(small, 4), statusCodes.OK);
  assert.equal(windows().stream, initialBytes);
  await harness.assertIdle();
});

test("windows grow under a stream that is paused and shrink while others open, and every message arrives whole", async (t) => {
  const budget = 3 * 2 ** 20;
  const { harness, send } = await start(t, { bulkWindowBudgetBytes: budget, streamWindowBytes: 2 ** 21 });
  let highest = 0;
  const watch = setInterval(() => (highest = Math.max(highest, harness.server.load.grownWindowBytes)), 1);
  t.after(() => clearInterval(watch));
  for (let round = 0; round < 3; round++) {
    const codes = await Promise.all(Array.from({ length: 12 }, () => send(bulk, 6)));
    assert.ok(codes.every((code) => code === statusCodes.OK));
  }
  assert.equal(harness.observer.received, 3 * 12 * 6);
  assert.equal(harness.observer.sent, 3 * 12 * 6);
  assert.ok(highest > 0 && highest <= budget, `grew by ${highest} bytes`);
  await harness.assertIdle();
});
