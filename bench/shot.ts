import { noParameters } from "../src/inference.ts";
import { decodeInferResponse, decodeStreamResponse } from "../src/protocol/decode-response.ts";
import { encodeInferRequest } from "../src/protocol/infer-request.ts";
import type { LoadRequest } from "./load.ts";
import { isAnswer, readSamples, type Sample } from "./samples.ts";

/** Samples, one a row, with their message as it goes over the wire. */
export interface Shot {
  readonly id: string;
  readonly rows: readonly Sample[];
  readonly message: Buffer;
}

/** What shots are made of. */
export type ShotOptions = Pick<LoadRequest, "model" | "samplesPath" | "rowsPerMessage" | "hasPredictionIds">;

/** One shot for each sample, beginning with it. */
export function createShots({
  model,
  samplesPath,
  rowsPerMessage,
  hasPredictionIds = false,
}: ShotOptions): readonly Shot[] {
  const samples = readSamples(samplesPath);
  return samples.map(({ id, input }, first) => {
    const rows = Array.from({ length: rowsPerMessage }, (_, row) => samples[(first + row) % samples.length]!);
    const data = Buffer.concat(rows.map((row) => new Uint8Array(row.input.buffer)));
    const message = encodeInferRequest({
      modelName: model,
      modelVersion: "",
      id,
      parameters: hasPredictionIds ? new Map([["sluice_prediction_id", ""]]) : noParameters,
      inputs: [{ name: "x", datatype: "FP32", shape: [rowsPerMessage, input.length], data }],
      requestedOutputs: [],
      byteLength: 0,
    });
    return { id, rows, message };
  });
}

/** @throws Error when an answer is not the one to its question */
export function check(request: Pick<LoadRequest, "kind" | "hasModel">, shot: Shot, bytes: Buffer): void {
  const streamed = request.kind === "stream" ? decodeStreamResponse(bytes) : undefined;
  if (streamed !== undefined && streamed.errorMessage !== "") throw new Error(streamed.errorMessage);
  const { id, outputs } = streamed?.response ?? decodeInferResponse(bytes);
  if (id !== shot.id) throw new Error(`answer to '${id}' instead of '${shot.id}'`);
  const data = outputs[0]?.data ?? new Uint8Array();
  const values = new Float32Array(Uint8Array.from(data).buffer);
  const isRight = request.hasModel ? areAnswers(shot.rows, values) : values.length === shot.rows.length;
  if (!isRight) throw new Error(`wrong answer to '${id}': ${values.subarray(0, 4).join(", ")}…`);
}

function areAnswers(rows: readonly Sample[], values: Float32Array): boolean {
  const width = values.length / rows.length;
  return rows.every((sample, row) => isAnswer(sample, values.subarray(row * width, (row + 1) * width)));
}
