import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientError } from "../../src/client/client-error.ts";
import type { ClientOptions } from "../../src/client/client-options.ts";
import type { InferOptions } from "../../src/client/infer-options.ts";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { ServeConfig } from "../../src/config.ts";
import type { InferenceResponse } from "../../src/inference.ts";
import type { RunningServer } from "../../src/serve.ts";
import { childProcesses, startTestServer } from "./test-server.ts";

const zoo = join(import.meta.dirname, "..", "fixtures", "zoo");

/** Something that runs clean-up when it ends: a test, or {@link fileEnding}. */
export interface Ending {
  after(end: () => unknown): void;
}

/** The end of a test file, for what its tests share. */
export const fileEnding: Ending = { after: (end) => after(async () => void (await end())) };

/** Models of a repository by name: which model of the zoo, and its config.pbtxt if it has one. */
export type ZooRepository = Readonly<Record<string, { readonly zoo: string; readonly config?: string }>>;

/** Writes a repository of zoo models into a folder of its own that is removed at the end. */
export function writeRepository(ending: Ending, models: ZooRepository): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-reliability-"));
  ending.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, model] of Object.entries(models)) {
    mkdirSync(join(folder, name, "1"), { recursive: true });
    copyFileSync(join(zoo, model.zoo, "model.onnx"), join(folder, name, "1", "model.onnx"));
    if (model.config !== undefined) writeFileSync(join(folder, name, "config.pbtxt"), model.config);
  }
  return folder;
}

/** A real server in this process over models of the zoo, with what a reliability test asks of it; ends with the test. */
export class ReliabilitySubject {
  readonly server: RunningServer;
  /** Runtime processes of earlier subjects that have not been reaped yet do not count. */
  readonly #strangers: ReadonlySet<number>;
  readonly #clients: InferenceClient[] = [];

  private constructor(server: RunningServer, strangers: ReadonlySet<number>) {
    this.server = server;
    this.#strangers = strangers;
  }

  /** @param prepare completes the repository before the server sees it */
  static async start(
    ending: Ending,
    models: ZooRepository,
    options: Partial<ServeConfig> = {},
    prepare: (repository: string) => void = () => {},
  ): Promise<ReliabilitySubject> {
    const strangers = new Set(childProcesses());
    const repository = writeRepository(ending, models);
    prepare(repository);
    const server = await startTestServer(repository, { exitTimeoutMs: 3_000, ...options });
    const subject = new ReliabilitySubject(server, strangers);
    ending.after(async () => {
      for (const client of subject.#clients) client.close();
      await server.stop();
    });
    assert.deepEqual(await server.started, []);
    return subject;
  }

  /** A client that repeats nothing unless told otherwise, so that every status shows. */
  client(options: Partial<ClientOptions> = {}): InferenceClient {
    const client = InferenceClient.connect(this.server.grpcAddress, {
      maxAttempts: 1,
      itemAttempts: 1,
      resumeAttempts: 0,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** Its runtime processes. */
  runtimePids(): number[] {
    return childProcesses().filter((pid) => !this.#strangers.has(pid) && isAlive(pid));
  }

  /** The runtime process in which a model lives: the one whose processor time grows when it is used. */
  async hostOf(use: () => Promise<unknown>): Promise<number> {
    const pids = this.runtimePids();
    const before = pids.map(processorTicks);
    await use();
    const grown = pids.map((pid, i) => processorTicks(pid) - (before[i] ?? 0));
    return pids[grown.indexOf(Math.max(...grown))] ?? 0;
  }

  /** Samples of the metrics page by `name{labels}`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`http://${this.server.httpAddress}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
    );
  }

  /** Executions of a model so far, as its statistics count them. */
  async executions(model: string): Promise<number> {
    const [statistics] = await this.client().statistics(model);
    return Number(statistics?.executionCount ?? 0);
  }

  /** Waits until a request of the model has left the queue and runs. */
  async isRunning(model: string): Promise<void> {
    const queued = `sluice_queue_size{sluice_model_name="${model}",sluice_model_version="1"}`;
    await until(() => this.server.load().openCalls > 0, "a call is open");
    await until(async () => (await this.metrics()).get(queued) === 0, "the queue is empty");
  }

  /** Waits until nobody holds anything: no call, no byte, nothing queued; fails when that does not come. */
  async isAtRest(limitMs = 5_000): Promise<void> {
    const held = async () => {
      const { openCalls, bufferedBytes, pausedStreams } = this.server.load();
      const queued = [...(await this.metrics())].filter(([name]) => name.startsWith("sluice_queue_size"));
      return { openCalls, bufferedBytes, pausedStreams, queued: queued.reduce((sum, [, size]) => sum + size, 0) };
    };
    const none = { openCalls: 0, bufferedBytes: 0, pausedStreams: 0, queued: 0 };
    const deadline = performance.now() + limitMs;
    let last = await held();
    while (JSON.stringify(last) !== JSON.stringify(none) && performance.now() < deadline) {
      await delay(10);
      last = await held();
    }
    assert.deepEqual(last, none);
  }
}

/** Polls until a condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) assert.fail(`not within ${limitMs} ms: ${what}`);
    await delay(5);
  }
}

/** Whether a process exists and is more than an entry that waits to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    return statOf(pid)[0] !== "Z";
  } catch {
    return false;
  }
}

/** User and system time of a process, in clock ticks. */
export function processorTicks(pid: number): number {
  const fields = statOf(pid);
  return Number(fields[11]) + Number(fields[12]);
}

/** The fields of /proc/<pid>/stat from the state on. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** A question with the one right answer to it. */
export interface Question {
  readonly request: InferOptions;
  readonly answer: readonly (number | bigint)[];
}

/** loop_slow: about 1.7 us of work for each iteration asked for; each row answers its own number. */
export function slowQuestion(iterations: number, model = "slow"): Question {
  const input = createTensor("iterations", "INT64", [1, 1], [BigInt(iterations)]);
  return { request: { model, inputs: [input] }, answer: [BigInt(iterations)] };
}

/** identity_fp32: one number with a copy of it as answer. */
export function identityQuestion(value: number, model = "identity"): Question {
  return {
    request: { model, inputs: [createTensor("X", "FP32", [1, 4], [value, -value, 0, 1])] },
    answer: [value, -value, 0, 1],
  };
}

/** @throws AssertionError when the answer is not the right one. */
export function assertAnswers(question: Question, response: InferenceResponse): void {
  const [output] = response.outputs;
  assert.ok(output !== undefined);
  assert.deepEqual([...(readTensor(output) as Iterable<number | bigint>)], [...question.answer]);
}

/** Ends loads: by hand, or with the test if it fails before. */
export function loadStop(ending: Ending): AbortController {
  const stop = new AbortController();
  ending.after(() => stop.abort());
  return stop;
}

/** What a load met. */
export interface LoadReport {
  answered: number;
  readonly errors: ClientError[];
  slowestMs: number;
}

/** Callers that ask one question after another until the signal; a wrong answer rejects. */
export async function unaryLoad(
  client: InferenceClient,
  callers: number,
  signal: AbortSignal,
  next: (index: number) => Question,
): Promise<LoadReport> {
  const report: LoadReport = { answered: 0, errors: [], slowestMs: 0 };
  let index = 0;
  const caller = async () => {
    while (!signal.aborted) {
      const question = next(index++);
      const startMs = performance.now();
      try {
        assertAnswers(question, await client.infer(question.request));
        report.answered++;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        report.errors.push(error as ClientError);
        await delay(20);
      }
      report.slowestMs = Math.max(report.slowestMs, performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return report;
}

/** One stream that asks until the signal; checks order, answers, and that each question has exactly one. */
export async function streamLoad(
  client: InferenceClient,
  window: number,
  signal: AbortSignal,
  next: (index: number) => Question,
): Promise<LoadReport> {
  const report: LoadReport = { answered: 0, errors: [], slowestMs: 0 };
  const asked: Question[] = [];
  function* questions() {
    while (!signal.aborted) {
      const question = next(asked.length);
      asked.push(question);
      yield { ...question.request, id: `${asked.length - 1}` };
    }
  }
  let position = 0;
  for await (const { id, response, error } of client.inferStream(questions(), { window })) {
    const question = asked[position];
    assert.ok(question !== undefined);
    assert.equal(id, `${position}`);
    position++;
    if (response === undefined) {
      if (error !== undefined) report.errors.push(error);
      continue;
    }
    assertAnswers(question, response);
    report.answered++;
  }
  assert.equal(position, asked.length);
  return report;
}
