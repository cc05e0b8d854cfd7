import { arrayClasses, type NumericArray } from "../../typed-arrays.ts";
import type { CapturedTensor } from "./captured-tensor.ts";

/** The elements of a captured tensor as JSON values, by their place. */
export type ElementText = (index: number) => string;

/** @param tensor one with data */
export function elementText({ datatype, data = new Uint8Array() }: CapturedTensor): ElementText {
  if (datatype === "BYTES") return textElements(data);
  if (datatype === "BOOL") return (index) => (data[index] === 0 ? "false" : "true");
  const values: NumericArray = new arrayClasses[datatype](data.buffer);
  if (datatype === "FP32") return (index) => floatText(Number(values[index]));
  return (index) => numberText(values[index] ?? 0);
}

/** JSON has no NaN and no infinities: they are texts, as `sluice infer` and `sluice stream` read them. */
function numberText(value: number | bigint): string {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "bigint" || Number.isFinite(value) ? String(value) : `"${value}"`;
}

/** An FP32 value in six digits where they tell it, else in the nine that always do. */
function floatText(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return numberText(value);
  const short = Number(value.toPrecision(6));
  return Math.fround(short) === value ? String(short) : value.toPrecision(9);
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Texts as JSON strings; what is no UTF-8 as an object with their base64, as sluice writes them elsewhere. Asked for in order. */
function textElements(data: Uint8Array): ElementText {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let [next, offset] = [0, 0];
  return (index) => {
    if (index < next) [next, offset] = [0, 0];
    for (; next < index; next++) offset += 4 + view.getUint32(offset, true);
    const bytes = data.subarray(offset + 4, offset + 4 + view.getUint32(offset, true));
    try {
      return JSON.stringify(decoder.decode(bytes));
    } catch {
      return `{"b64":"${Buffer.from(bytes).toString("base64")}"}`;
    }
  };
}
