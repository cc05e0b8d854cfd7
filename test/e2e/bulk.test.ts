import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { toInferenceRequest } from "../../src/client/infer-options.ts";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { encodeInferRequest } from "../../src/protocol/infer-request.ts";
import { statusCodes } from "../../src/protocol/status.ts";
import type { RunningServer } from "../../src/serve.ts";
import { encodeRequest, InferenceTestClient } from "../support/grpc-harness.ts";
import { NumberedRows, writeNumberedModel } from "../support/numbered-rows.ts";
import { randomNumbers } from "../support/random-numbers.ts";
import { ReliabilitySubject, slowQuestion } from "../support/reliability-subject.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

/** Floats of a row: 1 KB. */
const width = 256;

/** Rows of a batch: messages of more are split. */
const maxBatchSize = 64;

suite("bulk streams", () => {
  const folder = temporaryFolder({ after });
  let server: RunningServer;
  let client: InferenceClient;

  before(async () => {
    writeNumberedModel(folder, width, maxBatchSize);
    server = await startTestServer(folder);
    client = InferenceClient.connect(server.grpcAddress);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  /** Sends rows in messages of 1 to `mostRows` rows and checks the answer to each. */
  async function send(stream: number, count: number, mostRows: number, pauseMs = 0): Promise<void> {
    const rows = new NumberedRows(stream, width);
    const random = randomNumbers(stream);
    const messages = function* () {
      while (rows.sent < count) yield rows.message(Math.min(count - rows.sent, 1 + Math.floor(random() * mostRows)));
    };
    for await (const result of client.inferStream(messages())) {
      rows.check(result);
      if (pauseMs > 0) await delay(pauseMs);
    }
    assert.equal(rows.answered, count);
  }

  test("every row is answered once, in order, whatever messages the rows come in", () => send(1, 30_000, 1_000));

  test("eight streams at a time share batches and mix nothing up", async () => {
    await Promise.all(Array.from({ length: 8 }, (_, stream) => send(stream, 4_000, 200)));
  });

  test("bad messages among good ones are answered in their place", async (t) => {
    const raw = new InferenceTestClient(server.grpcAddress);
    t.after(() => raw.grpc.close());
    const stream = raw.stream();
    const rows = new NumberedRows(1, width);
    const asked = Array.from({ length: 200 }, (_, i) => `${i % 5 === 3 ? "bad" : "good"}-${i}`);
    for (const id of asked) {
      const message = rows.message(100);
      const request = id.startsWith("bad") ? { ...message, model: "nobody", id } : { ...message, id };
      stream.send(encodeInferRequest(toInferenceRequest(request)));
    }
    assert.equal((await stream.finish()).code, statusCodes.OK);
    assert.deepEqual(stream.ids, asked);
    for (const { errorMessage, response } of stream.responses) {
      assert.equal(errorMessage === "", response.id.startsWith("good"), errorMessage);
    }
  });

  test("a slow reader gets every row, and others are not held up by it", async () => {
    let isSlowDone = false;
    const slow = send(1, 2_000, 20, 10).then(() => (isSlowDone = true));
    await send(2, 4_000, 200);
    assert.equal(isSlowDone, false);
    await slow;
  });

  test("senders that vanish in the middle of a message leave the server as it was", async () => {
    const [host = "", port = ""] = server.grpcAddress.split(":");
    for (let i = 0; i < 5; i++) {
      const vanishing = InferenceClient.connect(server.grpcAddress);
      const rows = new NumberedRows(i, width);
      const messages = function* () {
        for (;;) yield rows.message(512);
      };
      for await (const result of vanishing.inferStream(messages())) {
        rows.check(result);
        if (rows.answered > 2_000) break; // with a full window under way
      }
      vanishing.close();
      const socket = connect(Number(port), host);
      await once(socket, "connect");
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      socket.destroy();
    }
    await send(1, 5_000, 500);
  });
});

test("single items are cancelled while they run and while they wait, and the stream goes on", async (t) => {
  const subject = await ReliabilitySubject.start(t, { slow: { zoo: "loop_slow" } });
  const client = new InferenceTestClient(subject.server.grpcAddress);
  t.after(() => client.grpc.close());
  const stream = client.stream();
  const ask = (iterations: number, id: string) =>
    stream.send(encodeInferRequest(toInferenceRequest({ ...slowQuestion(iterations).request, id })));
  const cancel = (id: string) => stream.send(encodeRequest("", "", new Map([["sluice_cancel", id]])));
  ask(500_000, "running"); // for a second or two
  for (let i = 0; i < 20; i++) ask(1 + i, `waiting-${i}`);
  await delay(50); // it runs by now
  cancel("running");
  for (let i = 0; i < 20; i += 2) cancel(`waiting-${i}`);
  ask(7, "last");
  const { code, metadata } = await stream.finish();
  assert.equal(code, statusCodes.OK);
  assert.deepEqual(metadata.get("sluice-items-answered"), ["22"]);
  const cancelled = stream.responses.filter(
    ({ response }) => response.parameters.get("sluice_status_code") === statusCodes.CANCELLED,
  );
  assert.equal(cancelled.length, 11);
  assert.equal(stream.ids[0], "running");
  assert.equal(stream.responses.at(-1)?.errorMessage, "");
});
