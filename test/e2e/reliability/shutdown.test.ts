import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientError } from "../../../src/client/client-error.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import {
  assertAnswers,
  type Ending,
  identityQuestion,
  isAlive,
  slowQuestion,
  until,
  writeRepository,
} from "../../support/reliability-subject.ts";
import { arenaFiles, ServedProcess } from "../../support/served-process.ts";

const exitTimeoutMs = 2_000;
/** What a busy machine may add to a limit. */
const marginMs = 3_000;

async function serve(ending: Ending, args: readonly string[] = []) {
  const repository = writeRepository(ending, { slow: { zoo: "loop_slow" }, identity: { zoo: "identity_fp32" } });
  return await ServedProcess.start(ending, repository, ["--exit-timeout-ms", String(exitTimeoutMs), ...args]);
}

function clientOf(ending: Ending, served: ServedProcess, window?: number): InferenceClient {
  const client = InferenceClient.connect(served.grpcAddress, {
    maxAttempts: 1,
    itemAttempts: 1,
    resumeAttempts: 0,
    ...(window === undefined ? {} : { streamWindow: window }),
  });
  ending.after(() => client.close());
  return client;
}

/** Nothing of a server is left: no process, no shared memory. */
async function assertGone(pids: readonly number[]): Promise<void> {
  await until(() => pids.every((pid) => !isAlive(pid)), "its runtime processes are gone");
  assert.deepEqual(arenaFiles(pids), []);
}

test("SIGTERM under load: what was accepted is answered, new work is refused, exit code 0", async (t) => {
  const served = await serve(t);
  const client = clientOf(t, served);
  const pids = served.runtimePids();
  assert.ok(pids.length > 0);
  const running = Array.from({ length: 20 }, (_, i) => slowQuestion(100_000 + i));
  const answers = Promise.all(
    running.map(async (question) => assertAnswers(question, await client.infer(question.request))),
  );
  answers.catch(() => {});
  let streamed = 0;
  const isStreaming = Promise.withResolvers<void>();
  const streaming = (async () => {
    const requests = Array.from({ length: 30 }, (_, i) => slowQuestion(100 + i).request);
    for await (const { error } of client.inferStream(requests)) {
      assert.equal(error, undefined);
      streamed++;
      isStreaming.resolve();
    }
  })();
  await isStreaming.promise; // everything above has arrived: the stream was opened last
  served.signal("SIGTERM");
  const stoppedMs = performance.now();
  const refused: ClientError[] = [];
  while (refused.length === 0) {
    await client.infer(identityQuestion(1).request).catch((error: ClientError) => refused.push(error));
  }
  assert.equal(refused[0]?.status, "UNAVAILABLE");
  await answers;
  await streaming;
  assert.equal(streamed, 30);
  assert.equal(await served.ended(), 0);
  assert.ok(performance.now() - stoppedMs < exitTimeoutMs + marginMs);
  await assertGone([...pids, served.pid]);
});

test("clients that hold a stream open or read nothing do not hold up the stop", async (t) => {
  const served = await serve(t);
  const pids = served.runtimePids();
  const client = clientOf(t, served, 256);
  const abort = new AbortController();
  const open = (async () => {
    async function* requests() {
      yield identityQuestion(1).request;
      await new Promise((resolve) => abort.signal.addEventListener("abort", resolve)); // never half-closes
    }
    for await (const { error } of client.inferStream(requests())) assert.equal(error, undefined);
  })();
  const opened = open.then(
    () => "OK",
    (error: ClientError) => error.status,
  );
  const session = connect(`http://${served.grpcAddress}`);
  session.on("error", () => {});
  const deaf = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelStreamInfer",
    "content-type": "application/grpc",
    te: "trailers",
  });
  deaf.on("error", () => {}); // paused: no data event, no resume
  await delay(200);
  served.signal("SIGTERM");
  const stoppedMs = performance.now();
  const code = await served.ended();
  const tookMs = performance.now() - stoppedMs;
  assert.ok(tookMs < exitTimeoutMs + marginMs, `${tookMs} ms`);
  assert.equal(code, 0, "streams that wait for their caller are ended with a status, and nothing is lost");
  assert.equal(await opened, "UNAVAILABLE");
  abort.abort();
  session.destroy();
  await assertGone([...pids, served.pid]);
});

test("a run that never ends does not hold up the stop, and its process goes too", async (t) => {
  const served = await serve(t);
  const client = clientOf(t, served);
  const pids = served.runtimePids();
  const stuck = client.infer(slowQuestion(2 ** 44).request).catch((error: ClientError) => error.status);
  await delay(200);
  served.signal("SIGTERM");
  const stoppedMs = performance.now();
  assert.equal(await served.ended(), 1);
  const tookMs = performance.now() - stoppedMs;
  assert.ok(tookMs < exitTimeoutMs + marginMs, `${tookMs} ms`);
  assert.equal(await stuck, "UNAVAILABLE");
  await assertGone([...pids, served.pid]);
});

test("a second signal ends the server at once", async (t) => {
  const served = await serve(t, ["--drain-delay-ms", "60000"]);
  const pids = served.runtimePids();
  served.signal("SIGTERM");
  await delay(300);
  const againMs = performance.now();
  served.signal("SIGTERM");
  assert.equal(await served.ended(), 1);
  assert.ok(performance.now() - againMs < marginMs);
  await assertGone([...pids, served.pid]);
});

test("runtime processes of a killed server end by themselves, in a run that never ends as well", async (t) => {
  const served = await serve(t, ["--shared-runtime-processes", "2"]);
  const client = clientOf(t, served);
  const pids = served.runtimePids();
  assert.ok(pids.length >= 2);
  const stuck = client.infer(slowQuestion(2 ** 44).request).catch((error: ClientError) => error.status);
  await delay(200);
  served.signal("SIGKILL");
  assert.equal(await served.ended(), "SIGKILL");
  assert.equal(await stuck, "UNAVAILABLE");
  await assertGone([...pids, served.pid]);
});
