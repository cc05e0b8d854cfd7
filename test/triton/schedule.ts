import type { Answer, Exchange } from "./exchange.ts";
import { encodeRequest } from "./messages.ts";

/** Between two requests that have to arrive in this order. */
const gapMs = 40;
/** Iterations of a model whose run is longer than all gaps of a scenario, and of one that hardly counts. */
const long = 500_000;
const short = 10_000;

interface Step {
  readonly label: string;
  readonly iterations: number;
  readonly priority?: number;
  readonly timeoutMicroseconds?: number;
}

interface Scenario {
  readonly id: string;
  readonly model: "queue" | "timeouts";
  readonly steps: readonly Step[];
}

/** The first step of each occupies the only instance; what follows has to wait. */
const scenarios: readonly Scenario[] = [
  {
    id: "schedule: full queue, priorities",
    model: "queue",
    steps: [
      { label: "running", iterations: long },
      { label: "first", iterations: short },
      { label: "second", iterations: short, priority: 2 },
      { label: "third", iterations: short, priority: 9 },
      { label: "beyond the limit", iterations: short },
      { label: "urgent", iterations: short, priority: 1 },
      { label: "urgent too", iterations: short, priority: 1 },
    ],
  },
  {
    id: "schedule: timeouts",
    model: "timeouts",
    steps: [
      { label: "running", iterations: long },
      { label: "rejected when late", iterations: short, timeoutMicroseconds: 50_000 },
      { label: "delayed when late", iterations: short, priority: 1, timeoutMicroseconds: 50_000 },
      { label: "longer than the default", iterations: short, timeoutMicroseconds: 90_000_000 },
      { label: "urgent", iterations: short, priority: 1 },
    ],
  },
];

/** Plays scenarios; each answer tells the labels of answered requests in the order of their answers, and the refused ones. */
export async function playSchedules(exchange: Exchange): Promise<[id: string, answer: Answer][]> {
  const played: [string, Answer][] = [];
  for (const scenario of scenarios) played.push([scenario.id, await play(exchange, scenario)]);
  return played;
}

async function play(exchange: Exchange, { model, steps }: Scenario): Promise<Answer> {
  const answered: string[] = [];
  const refused: string[] = [];
  const ended: Promise<void>[] = [];
  for (const step of steps) {
    const call = { method: "ModelInfer", requests: [encodeStep(model, step)] };
    ended.push(
      exchange.call(call).then(({ code, message }) => {
        if (code === 0) answered.push(step.label);
        else refused.push(`${step.label}: ${code} ${message}`);
      }),
    );
    // The order of arrival is the matter of the test, and calls have no order among themselves.
    await new Promise((resolve) => setTimeout(resolve, gapMs));
  }
  await Promise.all(ended);
  return { code: 0, message: "", responses: [{ answered, refused: refused.sort() }] };
}

function encodeStep(model: string, { iterations, priority, timeoutMicroseconds }: Step): Buffer {
  const data = Buffer.alloc(8);
  data.writeInt32LE(iterations);
  return encodeRequest("ModelInfer", {
    model_name: model,
    inputs: [{ name: "iterations", datatype: "INT64", shape: [1, 1] }],
    raw_input_contents: [data],
    parameters: {
      ...(priority === undefined ? {} : { priority: { int64_param: priority } }),
      ...(timeoutMicroseconds === undefined ? {} : { timeout: { int64_param: timeoutMicroseconds } }),
    },
  });
}
