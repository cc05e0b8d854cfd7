import { type Datatype, isDatatype } from "../../tensor.ts";
import { asObject } from "../../training/json-values.ts";
import type { TableColumn } from "../../training/table.ts";
import type { OutputElement, OutputRows } from "../bulk/table-encoder.ts";
import type { PayloadLine } from "./payload-files.ts";

/** Why a request has no row in the table: it failed, its tensors were cut or redacted, or it is of another form than the first one. */
export const leftOutReasons = ["broken", "failed", "cut", "redacted", "different"] as const;

export type LeftOutReason = (typeof leftOutReasons)[number];

/** A tensor of a line. */
interface LoggedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Nested by shape; undefined: redacted, or not one row was kept. */
  readonly data: readonly unknown[] | undefined;
  readonly isRedacted: boolean;
}

/** What is in front of the values of every row. */
const keyColumns: readonly TableColumn[] = [
  { name: "time", datatype: "BYTES", shape: [] },
  { name: "id", datatype: "BYTES", shape: [] },
  { name: "prediction_id", datatype: "BYTES", shape: [] },
  { name: "row", datatype: "INT32", shape: [] },
];

/** Which columns are wanted. */
export interface PayloadColumns {
  /** Names of inputs and outputs; empty: all that are not redacted. */
  readonly tensors: readonly string[];
  /** Time, ids and place of the row come first. */
  readonly hasKeys: boolean;
}

/** Makes rows of requests; the first request that has all that is wanted decides what the columns are. */
export class PayloadRows {
  readonly #wanted: PayloadColumns;
  /** Columns of tensors, without those of keys. */
  #tensors: readonly TableColumn[] | undefined;

  constructor(wanted: PayloadColumns) {
    this.#wanted = wanted;
  }

  /** Undefined until there was a row. */
  get columns(): readonly TableColumn[] | undefined {
    return this.#tensors && [...(this.#wanted.hasKeys ? keyColumns : []), ...this.#tensors];
  }

  /** The rows of a request, or why it has none. Of a request that was cut those that were kept. */
  rowsOf(line: PayloadLine): OutputRows | LeftOutReason {
    const { inputs, outputs, rows, status } = line;
    if (typeof rows !== "number" || !Array.isArray(inputs ?? []) || !Array.isArray(outputs ?? [])) return "broken";
    const logged = [...readTensors(inputs), ...readTensors(outputs)];
    if (logged.includes(undefined)) return "broken";
    const present = logged.filter((tensor) => tensor !== undefined);
    const names = this.#tensors?.map(({ name }) => name) ?? this.#namesOf(present);
    const tensors = names.map((name) => present.find((tensor) => tensor.name === name));
    if (tensors.includes(undefined) || tensors.length === 0) return status === "OK" ? "different" : "failed";
    return this.#toRows(line, tensors as readonly LoggedTensor[], rows); // none of them is undefined
  }

  #namesOf(present: readonly LoggedTensor[]): readonly string[] {
    const { tensors } = this.#wanted;
    return tensors.length > 0 ? tensors : present.filter(({ isRedacted }) => !isRedacted).map(({ name }) => name);
  }

  #toRows(line: PayloadLine, tensors: readonly LoggedTensor[], rows: number): OutputRows | LeftOutReason {
    if (tensors.some(({ isRedacted }) => isRedacted)) return "redacted";
    const columns = tensors.map((tensor) => columnOf(tensor, rows));
    if (this.#tensors !== undefined && !isSame(columns, this.#tensors)) return "different";
    const kept = tensors.map(({ data, shape }) => (data === undefined ? 0 : shape[0] === rows ? data.length : 1));
    const rowCount = Math.min(...kept);
    if (rowCount === 0) return "cut";
    const values = tensors.map(({ data = [], datatype, shape }) =>
      elementsOf(shape[0] === rows ? data.slice(0, rowCount) : data, datatype),
    );
    if (values.includes(undefined)) return "redacted";
    this.#tensors ??= columns;
    const found = values as readonly (readonly OutputElement[])[]; // none of them is undefined
    return { rowCount, values: this.#wanted.hasKeys ? [...keysOf(line, rowCount), ...found] : found };
  }
}

function readTensors(list: unknown): readonly (LoggedTensor | undefined)[] {
  return (Array.isArray(list) ? list : []).map((value) => {
    const { name, datatype, shape, data, redacted } = asObject(value) ?? {};
    const isTensor =
      typeof name === "string" && typeof datatype === "string" && isDatatype(datatype) && Array.isArray(shape);
    if (!isTensor) return undefined;
    return { name, datatype, shape, data: Array.isArray(data) ? data : undefined, isRedacted: redacted === true };
  });
}

/** A tensor whose first dimension counts the rows has the rest of it in each; another one belongs to the only row. */
function columnOf({ name, datatype, shape }: LoggedTensor, rows: number): TableColumn {
  return { name, datatype, shape: shape[0] === rows ? shape.slice(1) : shape };
}

function isSame(a: readonly TableColumn[], b: readonly TableColumn[]): boolean {
  return a.every(({ datatype, shape }, i) => datatype === b[i]?.datatype && shape.join() === b[i]?.shape.join());
}

/** The values of a nested list; undefined where one is missing that the datatype cannot leave out. */
function elementsOf(data: readonly unknown[], datatype: Datatype): readonly OutputElement[] | undefined {
  const elements = data.flat(Number.POSITIVE_INFINITY).map((leaf) => elementOf(leaf, datatype));
  return elements.includes(undefined) ? undefined : (elements as OutputElement[]); // none of them is undefined
}

/** A redacted column is null: NaN where the datatype has it, an empty text, else nothing. */
function elementOf(leaf: unknown, datatype: Datatype): OutputElement | undefined {
  const isFloat = datatype.startsWith("FP");
  if (leaf === null) return isFloat ? Number.NaN : datatype === "BYTES" ? "" : undefined;
  if (isFloat)
    return typeof leaf === "number" || typeof leaf === "bigint" || isNumberWord(leaf) ? Number(leaf) : undefined;
  if (datatype === "INT64" || datatype === "UINT64") return typeof leaf === "number" ? BigInt(leaf) : asElement(leaf);
  const { b64 } = asObject(leaf) ?? {};
  return typeof b64 === "string" ? Buffer.from(b64, "base64") : asElement(leaf);
}

function isNumberWord(leaf: unknown): boolean {
  return leaf === "NaN" || leaf === "Infinity" || leaf === "-Infinity";
}

function asElement(leaf: unknown): OutputElement | undefined {
  const isElement = ["number", "bigint", "boolean", "string"].includes(typeof leaf);
  return isElement ? (leaf as OutputElement) : undefined; // one of the four just checked
}

function keysOf(line: PayloadLine, rowCount: number): OutputRows["values"] {
  const same = (value: unknown) => Array<string>(rowCount).fill(typeof value === "string" ? value : "");
  const places = Array.from({ length: rowCount }, (_, row) => row);
  return [same(line.time), same(line.id), same(line.prediction_id), places];
}
