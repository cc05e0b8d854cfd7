import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runWell, toolPath } from "./foreign-tools.ts";

/** What scikit-learn is asked about classified rows. */
export interface ClassificationCase {
  readonly task: "classification";
  readonly actual: readonly number[];
  readonly predicted: readonly number[];
  /** By row the score of each class; empty: none. */
  readonly scores: readonly (readonly number[])[];
  readonly weights: readonly number[];
  /** The classes, ascending. */
  readonly labels: readonly number[];
  readonly betas: readonly number[];
  readonly top: number;
  readonly zero_division: 0 | 1 | "nan";
}

/** What it is asked about predicted numbers. */
export interface RegressionCase {
  readonly task: "regression";
  readonly actual: readonly (readonly number[])[];
  readonly predicted: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

/** What it is asked about a map that never falls. */
export interface IsotonicCase {
  readonly task: "isotonic";
  readonly scores: readonly number[];
  readonly targets: readonly number[];
  readonly weights: readonly number[];
  readonly at: readonly number[];
}

/** scikit-learn's numbers for each case, by `metric/label`; null: undefined. */
export async function askScikitLearn(
  cases: readonly (ClassificationCase | RegressionCase | IsotonicCase)[],
): Promise<readonly Readonly<Record<string, number | null>>[]> {
  const script = join(fileURLToPath(new URL(".", import.meta.url)), "python", "quality_metrics.py");
  return JSON.parse(await runWell(toolPath("python"), [script], { input: JSON.stringify(cases) })) as Readonly<
    Record<string, number | null>
  >[]; // the form that the script writes
}
