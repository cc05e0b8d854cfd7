import { readFileSync, writeFileSync } from "node:fs";

/** One row of a model, what the model answers to it, and the request id under which it is asked. */
export interface Sample {
  readonly id: string;
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** Largest difference between an answer and the sample's output: both are FP32, summed in different orders. */
export const tolerance = 1e-4;

/** @throws Error when two samples have answers so close that a swapped answer would go unseen. */
export function writeSamples(path: string, samples: readonly Sample[]): void {
  samples.forEach((sample, index) => {
    const twin = samples.slice(0, index).find((other) => isAnswer(sample, other.output));
    if (twin !== undefined) throw new Error(`samples '${twin.id}' and '${sample.id}' have the same answer`);
  });
  const plain = samples.map(({ id, input, output }) => ({ id, input: [...input], output: [...output] }));
  writeFileSync(path, JSON.stringify(plain));
}

export function readSamples(path: string): readonly Sample[] {
  const plain = JSON.parse(readFileSync(path, "utf8")) as { id: string; input: number[]; output: number[] }[]; // written above
  return plain.map(({ id, input, output }) => ({
    id,
    input: Float32Array.from(input),
    output: Float32Array.from(output),
  }));
}

/** Whether an answer is the one to this sample. */
export function isAnswer({ output }: Sample, answer: Float32Array): boolean {
  return answer.length === output.length && answer.every((value, i) => Math.abs(value - output[i]!) <= tolerance);
}
