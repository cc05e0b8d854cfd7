import { isUtf8 } from "node:buffer";
import { readTensor } from "../client/tensor-values.ts";
import type { Datatype, Tensor } from "../tensor.ts";
import { floatText } from "./float-text.ts";

/** An element of an answer as JSON has it: bytes that are no UTF-8 are `{"b64": …}`. */
export type JsonElement = number | bigint | boolean | string | { readonly b64: string };

/** The elements of a tensor for JSON; floats are the shortest numbers that read back as the same float. */
export function jsonElements(tensor: Tensor): readonly JsonElement[] {
  return Array.from<number | bigint | boolean | Uint8Array, JsonElement>(readTensor(tensor), (value) =>
    jsonElement(value, tensor.datatype),
  );
}

/** One element for JSON; BOOL may be 0 or 1. */
export function jsonElement(value: number | bigint | boolean | string | Uint8Array, datatype: Datatype): JsonElement {
  if (value instanceof Uint8Array) return utf8(value) ?? { b64: Buffer.from(value).toString("base64") };
  if (datatype === "BOOL") return Boolean(value);
  return typeof value === "number" ? shortest(value, datatype) : value;
}

/** An element as text that loses nothing, for CSV. */
export function exactText(element: JsonElement): string {
  return typeof element === "object" ? `base64:${element.b64}` : String(element);
}

/** An element of an output as text for CSV: what {@link exactText} makes of {@link jsonElement}, faster for floats. */
export function elementText(value: number | bigint | boolean | string | Uint8Array, datatype: Datatype): string {
  if (typeof value === "number" && datatype !== "BOOL") return floatText(value, datatype);
  return exactText(jsonElement(value, datatype));
}

/** An element for the eyes: floats to six significant digits. */
export function shortText(element: JsonElement): string {
  if (typeof element === "number" && !Number.isInteger(element)) return String(Number(element.toPrecision(6)));
  return exactText(element);
}

/** The decimal number with the fewest digits that rounds to this float: 0.1 for the FP32 nearest to 0.1. */
export function shortest(value: number, datatype: Datatype): number {
  return Number.isInteger(value) ? value : Number(floatText(value, datatype));
}

function utf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8") : undefined;
}
