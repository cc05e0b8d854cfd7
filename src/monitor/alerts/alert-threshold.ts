import type { AlertThreshold } from "./alert-rule.ts";

const number = String.raw`(\d+(?:\.\d+)?(?:e[+-]?\d+)?)`;
const referencePattern = new RegExp(`^reference(?: *\\* *${number})?(?: *([+-]) *${number} *(se)?)?$`, "i");
const errorsPattern = new RegExp(`^${number} *se$`, "i");

/** What {@link parseAlertThreshold} reads, for messages. */
export const thresholdForms = "a number, 'critical', '3se', or 'reference' as in 'reference - 3se' and 'reference * 3'";

/**
 * A threshold as monitor.yaml has it: a number, `critical`, `3se`, `reference`, `reference * 3`, `reference - 3se`, `reference * 0.9 - 0.01`.
 * Undefined: it is none of these.
 */
export function parseAlertThreshold(text: string): AlertThreshold | undefined {
  const trimmed = text.trim();
  if (trimmed === "critical") return { kind: "critical" };
  const errors = errorsPattern.exec(trimmed);
  if (errors !== null) return { kind: "errors", errors: Number(errors[1]) };
  const reference = referencePattern.exec(trimmed);
  if (reference !== null) {
    const [, factor = "1", sign, amount = "0", unit] = reference;
    const signed = sign === "-" && Number(amount) > 0 ? -Number(amount) : Number(amount);
    const isErrors = unit !== undefined;
    return {
      kind: "reference",
      factor: Number(factor),
      errors: isErrors ? signed : 0,
      offset: isErrors ? 0 : signed,
    };
  }
  const value = trimmed === "" ? Number.NaN : Number(trimmed);
  return Number.isFinite(value) ? { kind: "number", value } : undefined;
}
