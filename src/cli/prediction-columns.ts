import { predictionIdOf } from "../client/infer-options.ts";
import { createTensor, readBytes } from "../client/tensor-values.ts";
import { InferenceError } from "../errors.ts";
import type { InferenceResponse } from "../inference.ts";
import { predictionTokenOutput } from "../outcome.ts";
import type { Tensor } from "../tensor.ts";
import type { CommandOption } from "./arguments.ts";
import { outcomeColumns } from "./outcomes/outcome-table.ts";

/** Options of the commands that can write down what outcomes are reported by. */
export const predictionOptions = {
  predictionIds: {
    kind: "boolean",
    default: false,
    group: "Request",
    description: `Have the server name the predictions, and write the columns ${outcomeColumns.id} and ${outcomeColumns.row}, for \`sluice outcomes\` on the same server.`,
  },
  predictionTokens: {
    kind: "boolean",
    default: false,
    group: "Request",
    description: `Have the server sign the predictions, and write the column ${outcomeColumns.token}, for \`sluice outcomes\` on any server with the same keys.`,
  },
} as const satisfies Record<string, CommandOption>;

/** What of predictions is written down. */
export interface PredictionColumns {
  readonly predictionIds: boolean;
  readonly predictionTokens: boolean;
}

/** The options of a request that asks for them. Tokens come beside outputs that are named. */
export function askForPredictions({ predictionIds, predictionTokens }: PredictionColumns): {
  readonly predictionId?: string;
  readonly predictionTokens?: boolean;
} {
  return { ...(predictionIds && { predictionId: "" }), ...(predictionTokens && { predictionTokens: true }) };
}

/**
 * The outputs of an answer with the columns that name its predictions in the place of tokens.
 * @param rows undefined: the answer is one row without a batch dimension
 * @throws InferenceError "unsupported" when the server gives none
 */
export function predictionOutputs(
  response: InferenceResponse,
  rows: number | undefined,
  { predictionIds, predictionTokens }: PredictionColumns,
): readonly Tensor[] {
  const outputs = response.outputs.filter(({ name }) => name !== predictionTokenOutput);
  const shape = rows === undefined ? [] : [rows];
  const count = rows ?? 1;
  if (predictionIds) {
    const id = predictionIdOf(response);
    if (id === undefined) throw missing("--prediction-ids", "ids");
    outputs.push(createTensor(outcomeColumns.id, "BYTES", shape, new Array<string>(count).fill(id)));
    outputs.push(
      createTensor(
        outcomeColumns.row,
        "INT32",
        shape,
        Array.from({ length: count }, (_, row) => row),
      ),
    );
  }
  if (predictionTokens) {
    const tokens = response.outputs.find(({ name }) => name === predictionTokenOutput);
    if (tokens === undefined) throw missing("--prediction-tokens", "tokens");
    const texts = readBytes(tokens).map((token) => Buffer.from(token).toString("base64"));
    outputs.push(createTensor(outcomeColumns.token, "BYTES", shape, texts));
  }
  return outputs;
}

function missing(flag: string, what: string): InferenceError {
  return new InferenceError(
    "unsupported",
    `the server gives no prediction ${what} for this model, leave ${flag} out: it is none of sluice, its monitor is switched off, or the quality of the model is not watched`,
  );
}
