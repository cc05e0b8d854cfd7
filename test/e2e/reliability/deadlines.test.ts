import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import type { ClientError } from "../../../src/client/client-error.ts";
import { toInferenceRequest } from "../../../src/client/infer-options.ts";
import { encodeInferRequest } from "../../../src/protocol/infer-request.ts";
import { Plateau } from "../../support/plateau.ts";
import {
  assertAnswers,
  fileEnding,
  type Question,
  ReliabilitySubject,
  slowQuestion,
  until,
} from "../../support/reliability-subject.ts";

const subject = await ReliabilitySubject.start(
  fileEnding,
  {
    slow: { zoo: "loop_slow" },
    fresh: { zoo: "loop_slow" },
    narrow: {
      zoo: "loop_slow",
      config: 'parameters { key: "sluice_max_queue_requests" value { string_value: "8" } }',
    },
  },
  { sharedRuntimeProcesses: 2, logLevel: "error" },
);

/** Growth from the middle of a load to its end that is no leak. */
const plateauBytes = 16 * 1024 * 1024;

/** With a deadline for this item alone, told in the request: the server decides, and no timer of the client's. */
function within(milliseconds: number, question: Question): Question["request"] {
  return { ...question.request, parameters: { sluice_timeout_ms: milliseconds } };
}

function statusOf(outcome: PromiseSettledResult<unknown>): string {
  return outcome.status === "fulfilled" ? "OK" : ((outcome.reason as ClientError).status ?? String(outcome.reason));
}

/** Keeps a model busy for a while; resolves to a function that waits for the end of it. */
async function occupy(model: string, iterations = 400_000): Promise<() => Promise<void>> {
  const question = slowQuestion(iterations, model);
  const running = subject.client().infer(question.request);
  await subject.isRunning(model);
  return async () => assertAnswers(question, await running);
}

test("a deadline that passes in the queue answers early and never reaches ONNX Runtime", async () => {
  const client = subject.client();
  const before = await subject.executions("slow");
  const isFree = await occupy("slow");
  const startMs = performance.now();
  const late = Array.from({ length: 20 }, (_, i) => client.infer(within(5, slowQuestion(10 + i))));
  const statuses = (await Promise.allSettled(late)).map(statusOf);
  const tookMs = performance.now() - startMs;
  assert.deepEqual(new Set(statuses), new Set(["DEADLINE_EXCEEDED"]));
  assert.ok(tookMs < 250, `told after ${tookMs} ms, while the model was busy`);
  await isFree();
  assert.equal((await subject.executions("slow")) - before, 1);
  await subject.isAtRest();
});

test("a call whose time is up when it arrives never reaches ONNX Runtime", async () => {
  const before = await subject.executions("slow");
  const statuses = await expiredCalls(10);
  assert.deepEqual(new Set(statuses), new Set(["DEADLINE_EXCEEDED"]));
  await subject.isAtRest();
  assert.equal(await subject.executions("slow"), before);
});

test("one slow run does not make deadlines look impossible for ever", async () => {
  const client = subject.client();
  const isFree = await occupy("fresh", 300_000); // its first run
  await isFree();
  const outcomes: string[] = [];
  for (let i = 0; i < 20; i++) {
    const [outcome] = await Promise.allSettled([client.infer(within(150, slowQuestion(5, "fresh")))]);
    outcomes.push(outcome === undefined ? "" : statusOf(outcome));
  }
  assert.ok(
    outcomes.slice(-10).every((status) => status === "OK"),
    outcomes.join(),
  );
});

test("500 calls cancelled at random stages: the others are right and nothing is left behind", async () => {
  const client = subject.client();
  const random = seededRandom(7);
  const calls = Array.from({ length: 1000 }, async (_, i) => {
    const question = slowQuestion(100 + (i % 400));
    const cancel = new AbortController();
    const isCancelled = i % 2 === 1;
    const timer = isCancelled ? setTimeout(() => cancel.abort(), random() * 150) : undefined;
    try {
      assertAnswers(question, await client.infer({ ...question.request, signal: cancel.signal }));
      return "OK";
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert.ok(isCancelled, `call ${i}: ${error}`);
      return (error as ClientError).status;
    } finally {
      clearTimeout(timer);
    }
  });
  const statuses = await Promise.all(calls);
  const cancelled = statuses.filter((status) => status === "CANCELLED").length;
  assert.ok(cancelled > 50 && statuses.every((status) => status === "OK" || status === "CANCELLED"));
  await subject.isAtRest();
});

test("a full queue refuses with a pushback, and what was accepted is answered", async () => {
  const client = subject.client();
  const isFree = await occupy("narrow");
  const questions = Array.from({ length: 16 }, (_, i) => slowQuestion(1 + i, "narrow"));
  const outcomes = await Promise.allSettled(
    questions.map(async (question) => assertAnswers(question, await client.infer(question.request))),
  );
  const refusals = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason as ClientError] : [],
  );
  assert.equal(refusals.length, 8, refusals.map(String).join());
  for (const refusal of refusals) {
    assert.equal(refusal.status, "UNAVAILABLE");
    assert.match(refusal.message, /Exceeds maximum queue size/);
    assert.ok((refusal.retryAfterMs ?? 0) > 0, `pushback ${refusal.retryAfterMs}`);
  }
  await isFree();
  await subject.isAtRest();
});

test("what a full queue refuses is answered when the client repeats it, after the pushback and in its place", async () => {
  const client = subject.client({ maxAttempts: 4, itemAttempts: 100 });
  const isFree = await occupy("narrow");
  const questions = Array.from({ length: 16 }, (_, i) => slowQuestion(1 + i, "narrow"));
  const calls = questions.map(async (question) => assertAnswers(question, await client.infer(question.request)));
  let answered = 0;
  for await (const { index, response, error } of client.inferStream(questions.map(({ request }) => request))) {
    assert.equal(error, undefined);
    assert.equal(index, answered++);
    const question = questions[index];
    assert.ok(question !== undefined && response !== undefined);
    assertAnswers(question, response);
  }
  assert.equal(answered, questions.length);
  await Promise.all(calls);
  await isFree();
  await subject.isAtRest();
});

test("cancelled calls do not keep a queue full", async () => {
  const client = subject.client();
  const isFree = await occupy("narrow");
  const cancel = new AbortController();
  const gone = Promise.allSettled(
    Array.from({ length: 8 }, () => client.infer({ ...slowQuestion(9, "narrow").request, signal: cancel.signal })),
  );
  await until(() => subject.server.load().openCalls === 9, "all wait");
  cancel.abort();
  await gone;
  await until(() => subject.server.load().openCalls === 1, "the server knows");
  const question = slowQuestion(10, "narrow");
  assertAnswers(question, await client.infer(question.request));
  await isFree();
  await subject.isAtRest();
});

/** Pushes twice and more what the narrow queue takes, round after round; what was accepted must be right. */
async function overload(afterRound: () => void): Promise<void> {
  const client = subject.client();
  for (let round = 0; round < 6; round++) {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 400 }, async (_, i) => {
        const question = slowQuestion(200 + i, "narrow");
        assertAnswers(question, await client.infer(question.request));
      }),
    );
    const statuses = outcomes.map(statusOf);
    assert.ok(statuses.includes("OK") && statuses.includes("UNAVAILABLE"));
    assert.ok(
      statuses.every((status) => status === "OK" || status === "UNAVAILABLE"),
      [...new Set(statuses)].join(),
    );
    afterRound();
  }
}

test("twice the capacity: memory stays flat, and the check finds a planted leak", async () => {
  const flat = new Plateau();
  await overload(() => flat.measure());
  flat.assertFlat(plateauBytes);
  await subject.isAtRest();

  const leak: Buffer[] = [];
  const rising = new Plateau();
  await overload(() => {
    leak.push(Buffer.alloc(plateauBytes / 2));
    rising.measure();
  });
  assert.throws(() => rising.assertFlat(plateauBytes), /grew by/);
});

/** Calls that tell the server a deadline of a nanosecond, past any client's own check. */
async function expiredCalls(count: number): Promise<string[]> {
  const session = connect(`http://${subject.server.grpcAddress}`);
  const message = encodeInferRequest(toInferenceRequest(slowQuestion(3).request));
  const frame = Buffer.concat([Buffer.alloc(5), message]);
  frame.writeUInt32BE(message.length, 1);
  const call = () =>
    new Promise<string>((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/inference.GRPCInferenceService/ModelInfer",
        "content-type": "application/grpc",
        te: "trailers",
        "grpc-timeout": "1n",
      });
      let status = "";
      const read = (headers: Record<string, unknown>) => {
        if (headers["grpc-status"] !== undefined) status = String(headers["grpc-status"]);
      };
      stream.on("response", read);
      stream.on("trailers", read);
      stream.on("error", reject);
      stream.on("close", () => resolve(status === "4" || status === "" ? "DEADLINE_EXCEEDED" : status));
      stream.resume();
      stream.end(frame);
    });
  try {
    return await Promise.all(Array.from({ length: count }, call));
  } finally {
    session.close();
  }
}

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
