import { type Datatype, elementCount, itemBytes, type Tensor } from "../../tensor.ts";
import type { Redaction } from "../config/payload-log.ts";

/** What is kept of a tensor: a copy of its first elements. */
export interface CapturedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Of the whole tensor. */
  readonly shape: readonly number[];
  /** Elements of one row. */
  readonly rowElements: number;
  /** The first elements in their raw layout; undefined: they are redacted. */
  readonly data: Uint8Array<ArrayBuffer> | undefined;
  /** How many elements `data` has. */
  readonly elements: number;
  /** Columns that are redacted. */
  readonly hiddenColumns: ReadonlySet<number> | undefined;
}

/** How much of a tensor is kept, and of what kind it is. */
export interface CaptureRule {
  readonly maxBytes: number;
  /** Its first dimension counts rows. */
  readonly isBatched: boolean;
  readonly redaction: Pick<Redaction, "tensors" | "columns">;
}

/**
 * Copies as much of a tensor as may be kept: all of it, else as many whole rows as there is room for, else the first elements of its first row.
 * Nothing is copied of what is redacted.
 */
export function captureTensor({ name, datatype, shape, data }: Tensor, rule: CaptureRule): CapturedTensor {
  const rowElements = elementCount(rule.isBatched ? shape.slice(1) : shape);
  const head = { name, datatype, shape, rowElements, hiddenColumns: rule.redaction.columns.get(name) };
  if (rule.redaction.tensors.has(name)) return { ...head, data: undefined, elements: 0 };
  const kept = datatype === "BYTES" ? keptTexts(data, rowElements, rule.maxBytes) : undefined;
  const elements =
    kept?.elements ??
    keptElements(data.byteLength / itemBytes(datatype), rowElements, rule.maxBytes / itemBytes(datatype));
  const bytes = kept?.bytes ?? elements * itemBytes(datatype);
  return { ...head, data: new Uint8Array(data.subarray(0, bytes)), elements }; // a copy, aligned to every element
}

/** How many of `all` elements are kept where `most` are allowed. */
function keptElements(all: number, rowElements: number, most: number): number {
  if (all <= most) return all;
  const rows = rowElements > 0 ? Math.floor(most / rowElements) : 0;
  return rows > 0 ? rows * rowElements : Math.floor(most);
}

/** As {@link keptElements} for elements with a length in front of each. */
function keptTexts(data: Uint8Array, rowElements: number, maxBytes: number): { elements: number; bytes: number } {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let [elements, bytes] = [0, 0];
  let wholeRows = { elements: 0, bytes: 0 };
  while (bytes + 4 <= data.byteLength) {
    const end = bytes + 4 + view.getUint32(bytes, true);
    if (end > data.byteLength || end > maxBytes) return wholeRows.elements > 0 ? wholeRows : { elements, bytes };
    bytes = end;
    elements++;
    if (rowElements > 0 && elements % rowElements === 0) wholeRows = { elements, bytes };
  }
  return { elements, bytes };
}
