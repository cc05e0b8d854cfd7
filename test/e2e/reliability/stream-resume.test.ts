import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  createTensor,
  InferenceClient,
  type InferOptions,
  readTensor,
  type StreamSummary,
} from "../../../src/index.ts";
import { floats, OnnxAlone } from "../../support/onnx-alone.ts";
import { type Ending, until, writeRepository } from "../../support/reliability-subject.ts";
import { ServedProcess } from "../../support/served-process.ts";

const rows = 200_000;
const rowsPerMessage = 50;
const kills = 10;
const width = 10;
/** Answered rows between two kills. */
const killEveryRows = 17_000;
const tolerance = 1e-4;

// Thirteen starts and more take most of the time: the servers share what Node has compiled.
const compiled = mkdtempSync(join(tmpdir(), "sluice-compiled-"));
process.env.NODE_COMPILE_CACHE = compiled;
after(() => rmSync(compiled, { recursive: true, force: true }));

/** A server that is started again on its port after each kill. */
class MortalServer {
  readonly #ending: Ending;
  readonly #repository: string;
  #server: ServedProcess | undefined;
  address = "";

  constructor(ending: Ending, repository: string) {
    this.#ending = ending;
    this.#repository = repository;
  }

  async start(): Promise<void> {
    const args = this.address === "" ? [] : ["--grpc-port", this.address.replace(/^.*:/, "")];
    const server = await ServedProcess.start(this.#ending, this.#repository, args);
    this.address = server.grpcAddress;
    this.#server = server;
  }

  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.signal("SIGKILL");
    await server?.ended();
  }

  /** Whether the stream is here. */
  async hasStream(): Promise<boolean> {
    if (this.#server === undefined) return false;
    const page = await (await fetch(`http://${this.#server.httpAddress}/metrics`)).text();
    return /^sluice_rpc_active\{.*ModelStreamInfer.*\} 1$/m.test(page);
  }
}

/** Rows that differ from each other, the same in every run. */
function createInput(): Float32Array {
  const values = new Float32Array(rows * width);
  let state = 7;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

async function expectedOf(input: Float32Array, file: string): Promise<Float32Array> {
  const alone = new OnnxAlone();
  try {
    const [outputs] = await alone.run(file, [{ X: floats([rows, width], input) }]);
    return outputs?.variable?.data as Float32Array;
  } finally {
    alone.close();
  }
}

function* questions(input: Float32Array, count = rows): Generator<InferOptions> {
  for (let row = 0; row < count; row += rowsPerMessage) {
    const values = input.subarray(row * width, (row + rowsPerMessage) * width);
    yield { model: "mlp", inputs: [createTensor("X", "FP32", [rowsPerMessage, width], values)] };
  }
}

test("three servers, the one with the stream killed ten times: every row is answered once, in order", async (t) => {
  const repository = writeRepository(t, { mlp: { zoo: "sklearn_mlp_regressor" } });
  const servers = [0, 1, 2].map(() => new MortalServer(t, repository));
  await Promise.all(servers.map((server) => server.start()));
  const client = InferenceClient.connect(servers.map(({ address }) => address));
  t.after(() => client.close());
  const input = createInput();
  const expected = await expectedOf(input, join(repository, "mlp", "1", "model.onnx"));

  let hits = 0;
  let summary: StreamSummary | undefined;
  const restarts: Promise<void>[] = [];
  /** Kills the server that has the stream, until the stream has felt it with its window open. */
  const killOnce = async () => {
    const before = hits;
    while (hits === before) {
      for (const server of servers) {
        if (!(await server.hasStream())) continue;
        await server.kill();
        restarts.push(server.start());
        await delay(50);
        break;
      }
    }
  };
  let kill = Promise.resolve();
  let begun = 0;
  let answered = 0;
  for await (const { index, response, error } of client.inferStream(questions(input), {
    onResume: ({ server, unanswered }) => {
      if (server !== undefined && unanswered > 0) hits++;
    },
    onEnd: (end) => (summary = end),
  })) {
    assert.equal(error, undefined);
    assert.equal(index * rowsPerMessage, answered);
    const [output] = response?.outputs ?? [];
    assert.deepEqual(output?.shape, [rowsPerMessage, 1]);
    const values = output === undefined ? [] : (readTensor(output) as Float32Array);
    for (const value of values) {
      const right = expected[answered] ?? Number.NaN;
      if (!(Math.abs(value - right) <= tolerance * Math.max(1, Math.abs(right)))) {
        assert.fail(`row ${answered} is ${value}, expected ${right}`);
      }
      answered++;
    }
    if (begun < kills && answered >= (begun + 1) * killEveryRows) {
      begun++;
      kill = kill.then(killOnce);
    }
  }
  await kill;
  await Promise.all(restarts);
  assert.equal(answered, rows);
  assert.equal(hits, kills, "each kill hit an open window");
  assert.equal(summary?.answered, rows / rowsPerMessage);
  t.diagnostic(`${summary?.resumes} resumes for ${hits} kills`);
});

test("a stream of one server goes on when it has started again", async (t) => {
  const repository = writeRepository(t, { mlp: { zoo: "sklearn_mlp_regressor" } });
  const server = new MortalServer(t, repository);
  await server.start();
  const client = InferenceClient.connect(server.address);
  t.after(() => client.close());
  const input = createInput();
  let answered = 0;
  let resumes = 0;
  let restart: Promise<void> | undefined;
  const stream = client.inferStream(questions(input), { onResume: () => resumes++ });
  for await (const { index, response } of stream) {
    assert.ok(response !== undefined);
    assert.equal(index, answered++);
    if (answered === 100) restart = server.kill().then(() => server.start());
    if (answered >= 1_000 && resumes > 0) break;
  }
  await restart;
  assert.ok(resumes > 0);
});

test("a server that stops hands its stream over without a failure", async (t) => {
  const repository = writeRepository(t, { mlp: { zoo: "sklearn_mlp_regressor" } });
  const servers = [await ServedProcess.start(t, repository), await ServedProcess.start(t, repository)];
  const client = InferenceClient.connect(servers.map(({ grpcAddress }) => grpcAddress));
  t.after(() => client.close());
  const input = createInput();
  const lost = new Set<string | undefined>();
  let answered = 0;
  const stream = client.inferStream(questions(input, rows / 4), { onResume: ({ server }) => lost.add(server) });
  for await (const { index, error } of stream) {
    assert.equal(error, undefined);
    assert.equal(index, answered++);
    if (answered === 200) servers[0]?.signal("SIGTERM");
  }
  assert.equal(answered, rows / 4 / rowsPerMessage);
  await until(async () => (await servers[0]?.ended()) === 0, "the server has stopped in good order");
  assert.ok(lost.size <= 1);
});
