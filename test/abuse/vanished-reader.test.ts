import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { statusCodes } from "../../src/protocol/status.ts";
import { answerTo, FakeModel, FakeRepository } from "../support/fake-repository.ts";
import { encodeRequest, frame, GrpcHarness } from "../support/grpc-harness.ts";

/** A wire that can be cut without either end hearing of it, as when a machine loses its power or its network. */
class Wire {
  readonly #sockets: Socket[] = [];
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  static async to(t: TestContext, port: number): Promise<Wire> {
    const server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      wire.#sockets.push(near, far);
      for (const socket of [near, far]) socket.on("error", () => {});
      near.pipe(far);
      far.pipe(near);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const wire = new Wire((server.address() as AddressInfo).port);
    t.after(() => {
      for (const socket of wire.#sockets) socket.destroy();
      server.close();
    });
    return wire;
  }

  cut(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }
}

test("a reader that vanishes without a word is noticed by its silence, and what it held is free", async (t) => {
  const answerBytes = 1024 * 1024;
  const model = new FakeModel("big", ({ request, reply }) =>
    reply.respond(answerTo(request, { shape: [1, answerBytes / 4], data: new Uint8Array(answerBytes) }), true),
  );
  const options = { keepaliveTimeMs: 1_000, keepaliveTimeoutMs: 200, streamWindow: 8 };
  const harness = await GrpcHarness.start(t, new FakeRepository(model), options);
  const wire = await Wire.to(t, harness.port);
  const session = connectHttp2(`http://127.0.0.1:${wire.port}`);
  session.on("error", () => {});
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelStreamInfer",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  stream.once("data", () => wire.cut());
  for (let i = 0; i < 32; i++) stream.write(frame(encodeRequest("big", String(i))));
  let highest = 0;
  const startMs = performance.now();
  while (harness.observer.ended.length === 0 && performance.now() - startMs < 10_000) {
    highest = Math.max(highest, harness.server.load.bufferedBytes);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(harness.observer.ended[0]?.code, statusCodes.CANCELLED);
  assert.ok(highest >= answerBytes && highest <= 8 * (answerBytes + 1_024), `held ${highest} bytes`);
  await harness.assertIdle();
});
