import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A tensor as onnxruntime-node names it. */
export interface AloneTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | readonly string[];
}

export type AloneTensors = Readonly<Record<string, AloneTensor>>;

/**
 * onnxruntime-node by itself, in a process of its own: what sluice's answers are measured against. Shares no code with the server, so that a
 * fault in batching, splitting or the arena cannot hide in the reference.
 */
export class OnnxAlone {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, "onnx-alone-process.ts"), {
    serialization: "advanced", // keeps typed arrays
  });

  /** Runs a model file once for each set of inputs, on the CPU with one thread. @param fetches absent: all outputs */
  async run(
    file: string,
    runs: readonly AloneTensors[],
    fetches?: readonly string[],
  ): Promise<readonly AloneTensors[]> {
    this.#child.send({ file, fetches, runs });
    const [answer] = (await once(this.#child, "message")) as [{ outputs?: AloneTensors[]; error?: string }];
    if (answer.outputs === undefined) throw new Error(`onnxruntime-node alone: ${answer.error}`);
    return answer.outputs;
  }

  close(): void {
    this.#child.disconnect();
  }
}

/** An FP32 tensor. */
export function floats(dims: readonly number[], data: Float32Array | readonly number[]): AloneTensor {
  return { type: "float32", dims, data: Float32Array.from(data) };
}
