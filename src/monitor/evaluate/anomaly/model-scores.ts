import { InferenceError } from "../../../errors.ts";
import { elementCount, itemBytes, type Tensor } from "../../../tensor.ts";
import type { AskModel } from "../../ask-model.ts";
import { elementReader } from "../../collect/element-reader.ts";
import type { DetectorModel } from "../../config/anomaly.ts";

/** Copies of rows that wait for the scores of one model's detector; what comes on top goes without. */
export const maxWaitingBytes = 64 * 1024 * 1024;

/** Scores of rows by another model of the repository. */
export class ModelScores {
  readonly #ask: AskModel;
  readonly #model: DetectorModel;
  readonly #timeoutMs: number;
  #waitingBytes = 0;

  constructor(ask: AskModel, model: DetectorModel, timeoutMs: number) {
    this.#ask = ask;
    this.#model = model;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The scores of rows.
   * @param inputs copied at once, so that their memory may go
   * @throws InferenceError when the model is not there, does not take the inputs, fails, or does not answer one number a row, and beyond
   *   {@link maxWaitingBytes}
   */
  async score(inputs: readonly Tensor[], rows: number): Promise<Float32Array> {
    const bytes = inputs.reduce((sum, { data }) => sum + data.length, 0);
    if (this.#waitingBytes + bytes > maxWaitingBytes) {
      throw new InferenceError(
        "shed",
        `rows of ${this.#waitingBytes} bytes wait already, at most ${maxWaitingBytes} may`,
      );
    }
    this.#waitingBytes += bytes;
    try {
      return await this.#score(inputs, rows);
    } finally {
      this.#waitingBytes -= bytes;
    }
  }

  async #score(inputs: readonly Tensor[], rows: number): Promise<Float32Array> {
    const { name, version, output, isLowAnomalous } = this.#model;
    const copied = inputs.map((input) => ({ ...input, data: Uint8Array.from(input.data) }));
    const response = await this.#ask({
      modelName: name,
      modelVersion: version,
      outputs: output === undefined ? [] : [output],
      timeoutMs: this.#timeoutMs,
      inputs: (names) => chooseInputs(copied, names, name),
    });
    return readScores(response.outputs, rows, isLowAnomalous ? -1 : 1, name);
  }
}

/** Those that the detector takes, by name; where both have a single one, its name does not matter. */
function chooseInputs(inputs: readonly Tensor[], names: readonly string[], model: string): readonly Tensor[] {
  const [only] = inputs;
  const [name] = names;
  if (inputs.length === 1 && names.length === 1 && only !== undefined && name !== undefined) return [{ ...only, name }];
  return names.map((wanted) => {
    const found = inputs.find((input) => input.name === wanted);
    if (found !== undefined) return found;
    throw new InferenceError("invalid", `detector '${model}' takes an input '${wanted}', which the rows do not have`);
  });
}

function readScores(outputs: readonly Tensor[], rows: number, sign: 1 | -1, model: string): Float32Array {
  const found = outputs.find(({ datatype }) => datatype === "FP32" || datatype === "FP64" || datatype === "FP16");
  const read = found && elementReader(found.datatype);
  if (found === undefined || read === undefined || elementCount(found.shape) !== rows) {
    const what = found === undefined ? "no floating-point output" : `'${found.name}' of shape [${found.shape}]`;
    throw new InferenceError(
      "runtime",
      `detector '${model}' answered ${what} for ${rows} rows, expected one number a row`,
    );
  }
  const bytes = itemBytes(found.datatype);
  return Float32Array.from({ length: rows }, (_, row) => sign * read(found.data, row * bytes));
}
