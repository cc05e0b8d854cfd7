import type { InferenceResponse, Signature } from "../../inference.ts";
import { type Datatype, itemBytes, type Tensor } from "../../tensor.ts";
import type { ModelTask } from "../config/model-task.ts";
import { numberRules } from "../config/monitor-config.ts";
import type { Prediction, PredictionLayout } from "../prediction.ts";
import { type ElementReader, elementReader } from "./element-reader.ts";
import { TextElements } from "./text-elements.ts";
import { TextIndex } from "./text-index.ts";

const noData = new Uint8Array();

/**
 * Reads the predictions of a response, row by row, into one object that is filled anew each time. To be used while the response is being told
 * of, since its data is only valid then. Neither opening nor reading allocates.
 */
export class PredictionReader {
  readonly layout: PredictionLayout;
  readonly #isBatched: boolean;
  readonly #numbers: NumberOutput | undefined;
  readonly #label: LabelOutput | undefined;
  readonly #positiveClass: number;
  readonly #threshold: number;
  readonly #isRegression: boolean;
  readonly #areLabelsGuessed: boolean;
  readonly #prediction: { atMs: number; predictedClass: number; readonly values: Float32Array };

  constructor(task: ModelTask, signature: Signature) {
    const { labelOutput, scoresOutput, valueOutput, labels, width } = task;
    this.layout = { task: task.task, width, labels };
    this.#isBatched = signature.maxBatchSize > 0;
    this.#areLabelsGuessed = task.areLabelsGuessed;
    this.#isRegression = task.task === "regression";
    this.#positiveClass = task.positiveClass;
    this.#threshold = task.threshold;
    const numbers = valueOutput ?? scoresOutput;
    if (numbers !== undefined) this.#numbers = new NumberOutput(numbers, width, datatypeOf(numbers, signature));
    if (labelOutput !== undefined) {
      this.#label = new LabelOutput(labelOutput, labels, datatypeOf(labelOutput, signature));
    }
    this.#prediction = { atMs: 0, predictedClass: -1, values: new Float32Array(width) };
  }

  /**
   * Turns to a response.
   * @param atMs epoch milliseconds of the answer
   * @returns its rows; 0 when an output that tells the prediction was not asked for, or does not have the form of the layout
   */
  open(response: InferenceResponse, atMs: number): number {
    this.#prediction.atMs = atMs;
    const numbers = this.#numbers?.open(response, this.#isBatched);
    const labels = this.#label?.open(response, this.#isBatched);
    const rows = numbers ?? labels ?? 0;
    if (rows > 0 && (labels === undefined || labels === rows)) return rows;
    this.close();
    return 0;
  }

  /** The prediction of one row of the response turned to; the same object every time. Cheapest in ascending order. */
  read(row: number): Prediction {
    const prediction = this.#prediction;
    this.#numbers?.read(row, prediction.values);
    prediction.predictedClass = this.#classOf(row);
    return prediction;
  }

  /** A label that was read and is none of the guessed ones, which are wrong then; undefined: there was none, or the labels were listed. */
  get strayLabel(): number | undefined {
    return this.#areLabelsGuessed ? this.#label?.strayNumber : undefined;
  }

  /** Forgets the response, whose memory belongs to somebody else. */
  close(): void {
    this.#numbers?.close();
    this.#label?.close();
  }

  #classOf(row: number): number {
    if (this.#isRegression) return -1;
    if (this.#label !== undefined) return this.#label.read(row);
    const { values } = this.#prediction;
    if (this.#positiveClass < 0) return indexOfLargest(values);
    const score = values[values.length === 1 ? 0 : this.#positiveClass] ?? Number.NaN;
    const other = values.length === 1 ? 0 : (values[1 - this.#positiveClass] ?? Number.NaN);
    if (Number.isNaN(score) || Number.isNaN(other)) return -1;
    // Half of two probabilities is where the other one becomes the larger, and so it is with logits.
    const isLarger = values.length === 2 && this.#threshold === numberRules.threshold.default;
    const isPositive = isLarger ? score >= other : score >= this.#threshold;
    return isPositive ? this.#positiveClass : 1 - this.#positiveClass;
  }
}

function datatypeOf(name: string, { outputs }: Signature): Datatype {
  return outputs.find((output) => output.name === name)?.datatype ?? "FP32";
}

/** The first of the largest; -1: one is NaN. */
function indexOfLargest(values: Float32Array): number {
  let best = -1;
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (Number.isNaN(value)) return -1;
    if (best >= 0 && value <= largest) continue;
    best = i;
    largest = value;
  }
  return best;
}

/** The tensor of a response by its name; undefined: it was not asked for. */
function outputOf({ outputs }: InferenceResponse, name: string): Tensor | undefined {
  for (let i = 0; i < outputs.length; i++) if (outputs[i]?.name === name) return outputs[i];
  return undefined;
}

/** Rows of a tensor that has `columns` values in each; -1: it has another form. */
function rowsOf({ shape }: Tensor, columns: number, isBatched: boolean): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i] ?? 0;
  const rows = isBatched ? (shape[0] ?? 0) : count / columns;
  return rows * columns === count && Number.isInteger(rows) ? rows : -1;
}

/** An output of numbers, the same count of them in every row. */
class NumberOutput {
  readonly #name: string;
  readonly #width: number;
  readonly #itemBytes: number;
  readonly #read: ElementReader | undefined;
  #data: Uint8Array = noData;

  constructor(name: string, width: number, datatype: Datatype) {
    this.#name = name;
    this.#width = width;
    this.#itemBytes = itemBytes(datatype);
    this.#read = elementReader(datatype);
  }

  open(response: InferenceResponse, isBatched: boolean): number {
    const tensor = outputOf(response, this.#name);
    if (tensor === undefined) return -1;
    this.#data = tensor.data;
    return rowsOf(tensor, this.#width, isBatched);
  }

  read(row: number, into: Float32Array): void {
    const read = this.#read;
    if (read === undefined) return;
    const start = row * this.#width;
    for (let i = 0; i < this.#width; i++) into[i] = read(this.#data, (start + i) * this.#itemBytes);
  }

  close(): void {
    this.#data = noData;
  }
}

/** Labels of classes that are integers, and so what a number output of them may mean; else a number is a class's index. */
const integerText = /^-?(0|[1-9]\d{0,15})$/;

/** An output with the label of the predicted class, a text or a number, or with its index. */
class LabelOutput {
  readonly #name: string;
  readonly #classes: number;
  readonly #itemBytes: number;
  readonly #read: ElementReader | undefined;
  /** Classes by their number, where labels are numbers. */
  readonly #byNumber: ReadonlyMap<number, number> | undefined;
  readonly #texts: TextIndex;
  readonly #elements = new TextElements();
  /** The first number that was none of the classes. */
  strayNumber: number | undefined;
  #data: Uint8Array = noData;

  constructor(name: string, labels: readonly string[], datatype: Datatype) {
    this.#name = name;
    this.#classes = labels.length;
    this.#itemBytes = itemBytes(datatype);
    this.#read = elementReader(datatype);
    this.#texts = new TextIndex(labels);
    if (labels.every((label) => integerText.test(label))) {
      this.#byNumber = new Map(labels.map((label, index) => [Number(label), index]));
    }
  }

  open(response: InferenceResponse, isBatched: boolean): number {
    const tensor = outputOf(response, this.#name);
    if (tensor === undefined) return -1;
    this.#data = tensor.data;
    if (this.#read === undefined) this.#elements.open(tensor.data);
    return rowsOf(tensor, 1, isBatched);
  }

  /** -1: it is none of the classes. */
  read(row: number): number {
    if (this.#read === undefined) {
      if (!this.#elements.seek(row)) return -1;
      return this.#texts.find(this.#data, this.#elements.start, this.#elements.end);
    }
    const value = this.#read(this.#data, row * this.#itemBytes);
    const isIndex = value >= 0 && value < this.#classes;
    const found = this.#byNumber === undefined ? (isIndex ? value : -1) : (this.#byNumber.get(value) ?? -1);
    if (found < 0) this.strayNumber ??= value;
    return found;
  }

  close(): void {
    this.#data = noData;
    this.#elements.close();
  }
}
