import ort from "onnxruntime-node";
import { answerParent } from "./child.ts";
import { isAnswer, readSamples, type Sample } from "./samples.ts";

/** The limit of a model: onnxruntime-node alone, in a process of its own, with the session options of the server and no request at all. */
export interface BareRunRequest {
  readonly modelPath: string;
  readonly samplesPath: string;
  readonly rows: number;
  readonly threads: number;
  readonly seconds: number;
}

export interface BareRunResult {
  readonly rowsPerSecond: number;
  /** Median duration of a run. */
  readonly p50Ms: number;
}

const sessions = new Map<string, Promise<ort.InferenceSession>>();

function sessionOf({ modelPath, threads }: BareRunRequest): Promise<ort.InferenceSession> {
  const session =
    sessions.get(modelPath) ??
    ort.InferenceSession.create(modelPath, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
    });
  sessions.set(modelPath, session);
  return session;
}

/** Consecutive samples from an offset on, as one batch. */
function batchOf(samples: readonly Sample[], rows: number): { x: ort.Tensor; members: readonly Sample[] } {
  const members = Array.from({ length: rows }, (_, row) => samples[row % samples.length]!);
  const width = members[0]!.input.length;
  const data = new Float32Array(rows * width);
  members.forEach(({ input }, row) => {
    data.set(input, row * width);
  });
  return { x: new ort.Tensor("float32", data, [rows, width]), members };
}

function check(result: ort.Tensor | undefined, members: readonly Sample[]): void {
  const values = result?.data as Float32Array; // the models give FP32
  const width = values.length / members.length;
  members.forEach((sample, row) => {
    if (!isAnswer(sample, values.subarray(row * width, (row + 1) * width)))
      throw new Error("wrong answer of onnxruntime");
  });
}

async function run(request: BareRunRequest): Promise<BareRunResult> {
  const session = await sessionOf(request);
  const { x, members } = batchOf(readSamples(request.samplesPath), request.rows);
  check((await session.run({ x })).y, members);
  const durations: number[] = [];
  const startMs = performance.now();
  let endMs = startMs;
  while (endMs - startMs < request.seconds * 1000) {
    const beforeMs = endMs;
    await session.run({ x });
    endMs = performance.now();
    durations.push(endMs - beforeMs);
  }
  const rows = durations.length * request.rows;
  return {
    rowsPerSecond: (rows / (endMs - startMs)) * 1000,
    p50Ms: durations.toSorted((a, b) => a - b)[durations.length >> 1]!,
  };
}

answerParent(run);
