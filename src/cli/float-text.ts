import type { Datatype } from "../tensor.ts";

/**
 * C's FLT_DIG (digits that any decimal number of so many keeps), one less than FLT_DECIMAL_DIG (digits that tell any two floats apart), and the
 * smallest number for which the former holds.
 */
const precisions = {
  FP32: { safeDigits: 6, maxDigits: 9, minNormal: 2 ** -126, round: Math.fround },
  FP16: { safeDigits: 3, maxDigits: 5, minNormal: 2 ** -14, round: Math.f16round },
} as const;

const zero = 0x30;
const point = 0x2e;

/**
 * A float in the fewest decimal digits that round to it: 0.1 for the FP32 nearest to 0.1. In JavaScript's notation.
 *
 * Most floats need nearly all digits, so they are tried from many to few. Fewer than are always safe need not be tried: a number that has
 * fewer is what rounding to that many gives. Where more digits fail, fewer can still do at a power of two alone, below which floats lie closer.
 */
export function floatText(value: number, datatype: Datatype): string {
  if (datatype !== "FP32" && datatype !== "FP16") return String(value);
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const { safeDigits, maxDigits, minNormal, round } = precisions[datatype];
  if (Math.abs(value) < minNormal || Number.isInteger(Math.log2(Math.abs(value)))) return ascending(value, datatype);
  let text = value.toPrecision(maxDigits);
  for (let digits = maxDigits - 1; digits >= safeDigits; digits--) {
    const candidate = value.toPrecision(digits);
    if (round(Number(candidate)) !== value) break;
    text = candidate;
  }
  return plain(text);
}

function ascending(value: number, datatype: "FP32" | "FP16"): string {
  const { maxDigits, round } = precisions[datatype];
  for (let digits = 1; digits < maxDigits; digits++) {
    const candidate = value.toPrecision(digits);
    if (round(Number(candidate)) === value) return plain(candidate);
  }
  return plain(value.toPrecision(maxDigits));
}

/** What toPrecision gives as a number is written: without zeros at its end, and with an exponent only where numbers have one. */
function plain(text: string): string {
  if (text.includes("e")) return String(Number(text));
  let end = text.length;
  while (text.charCodeAt(end - 1) === zero) end--;
  return text.slice(0, text.charCodeAt(end - 1) === point ? end - 1 : end);
}
