import type { ParameterValue } from "../../inference.ts";
import type { CapturedTensor } from "./captured-tensor.ts";
import { type ElementText, elementText } from "./element-text.ts";
import type { PayloadRecord } from "./payload-record.ts";

/** Elements whose text is made at once: some tens of microseconds. */
const elementsPerPiece = 256;

/**
 * The line of a record in pieces, so that its writer can let others run between them. The form is documented in docs/monitoring.md; `inputs`
 * are those of a KServe v2 request in JSON, with `data` nested by shape.
 */
export function* recordLine(record: PayloadRecord): Generator<string> {
  yield `{${headOf(record)}`;
  if (record.inputs !== undefined) yield* tensorList("inputs", record.inputs);
  if (record.outputs !== undefined) yield* tensorList("outputs", record.outputs);
  yield "}\n";
}

function headOf(record: PayloadRecord): string {
  const { atMs, modelName, modelVersion, id, predictionId, tenant, rows, status, error, timing, parameters } = record;
  const fields = {
    time: new Date(atMs).toISOString(),
    model: modelName,
    version: modelVersion,
    ...(id !== undefined && id !== "" && { id: id.toWellFormed() }),
    ...(predictionId !== undefined && { prediction_id: predictionId.toWellFormed() }),
    ...(tenant !== undefined && { tenant }),
    rows,
    status,
    ...(error !== "" && { error }),
    ...(timing !== undefined && { timing }),
  };
  const head = JSON.stringify(fields).slice(1, -1);
  return parameters === undefined ? head : `${head},"parameters":{${parameters.map(parameterText).join(",")}}`;
}

/** Clients choose the names: an object of ours would have places for some of them. */
function parameterText([name, value]: readonly [string, ParameterValue]): string {
  const isPlain = typeof value !== "number" || Number.isFinite(value);
  return `${JSON.stringify(name)}:${typeof value === "bigint" ? value : JSON.stringify(isPlain ? value : String(value))}`;
}

function* tensorList(name: string, tensors: readonly CapturedTensor[]): Generator<string> {
  yield `,"${name}":[`;
  for (const [index, tensor] of tensors.entries()) {
    if (index > 0) yield ",";
    yield* tensorText(tensor);
  }
  yield "]";
}

function* tensorText(tensor: CapturedTensor): Generator<string> {
  const { name, datatype, shape, data, hiddenColumns } = tensor;
  yield `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(",")}]`;
  if (hiddenColumns !== undefined) yield `,"redacted_columns":[${[...hiddenColumns].join(",")}]`;
  if (data === undefined) yield ',"redacted":true';
  else yield* dataText(tensor);
  yield "}";
}

/** All elements, the rows that were kept of a cut tensor, or what was kept of its first row as `head`. */
function* dataText(tensor: CapturedTensor): Generator<string> {
  const { shape, elements, rowElements } = tensor;
  const whole = shape.reduce((product, dimension) => product * dimension, 1);
  const isCut = elements < whole;
  if (isCut) yield `,"cut":true`;
  const text = shownText(tensor);
  const rows = rowElements > 0 ? Math.floor(elements / rowElements) : 0;
  if (isCut && rows === 0) {
    yield ',"head":';
    yield* nestedText(text, [elements], 0);
  } else {
    yield ',"data":';
    // Empty lists inside each other could be many without any element.
    yield* nestedText(text, whole === 0 ? [0] : isCut ? [rows, ...shape.slice(1)] : shape, 0);
  }
}

/** The text of each element, null where its column is redacted. */
function shownText(tensor: CapturedTensor): ElementText {
  const text = elementText(tensor);
  const { hiddenColumns, rowElements } = tensor;
  if (hiddenColumns === undefined) return text;
  return (index) => (hiddenColumns.has(index % rowElements) ? "null" : text(index));
}

/** Elements from `start` in lists by shape; a scalar is a list of one, as in KServe's JSON. */
function* nestedText(text: ElementText, shape: readonly number[], start: number): Generator<string> {
  const [length = 1, ...inner] = shape;
  const step = inner.reduce((product, dimension) => product * dimension, 1);
  if (length * step <= elementsPerPiece) {
    yield nested(text, shape, start);
    return;
  }
  let piece = "[";
  let pending = 0;
  for (let i = 0; i < length; i++) {
    if (i > 0) piece += ",";
    if (step > elementsPerPiece) {
      yield piece;
      piece = "";
      yield* nestedText(text, inner, start + i * step);
      continue;
    }
    piece += inner.length === 0 ? text(start + i) : nested(text, inner, start + i * step);
    pending += step;
    if (pending < elementsPerPiece) continue;
    yield piece;
    piece = "";
    pending = 0;
  }
  yield `${piece}]`;
}

/** As {@link nestedText}, at once. */
function nested(text: ElementText, [length = 1, ...inner]: readonly number[], start: number): string {
  const step = inner.reduce((product, dimension) => product * dimension, 1);
  let list = "[";
  for (let i = 0; i < length; i++) {
    if (i > 0) list += ",";
    list += inner.length === 0 ? text(start + i) : nested(text, inner, start + i * step);
  }
  return `${list}]`;
}
