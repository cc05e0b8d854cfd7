import { type DriftMethod, driftMethods } from "../../statistics/drift-test.ts";
import { type Correction, corrections } from "../../statistics/multiple-testing.ts";
import { refused, type Section } from "./section.ts";

/** Section `drift` of monitor.yaml, defaults filled in. */
export interface DriftConfig {
  /** What a window is compared with: the reference profile, the window before it, or nothing. */
  readonly against: "reference" | "previous" | "off";
  /** Scores that are worked out where they apply: `ks` and `wasserstein` need an order. */
  readonly methods: readonly DriftMethod[];
  /** Probability that a clean window has any score above its critical value, over all signals and methods. */
  readonly alpha: number;
  readonly correction: Correction;
  /** Rows that complete a window. */
  readonly windowRows: number;
  /** Least length of a window; 0: rows alone decide. */
  readonly windowSeconds: number;
  /** Windows in a row above the thresholds that make a drift. */
  readonly windows: number;
  /** Score of each method from which a difference matters, however sure it is. */
  readonly thresholds: Readonly<Record<DriftMethod, number>>;
  /** Rows that make a reference of their own where there is no profile; 0: nothing is compared then. */
  readonly learnRows: number;
  /** Signals that are compared; empty: all. */
  readonly signals: readonly string[];
  /** Signals that are not. */
  readonly ignore: readonly string[];
}

/** Fewest rows of a window: with fewer, only differences that anybody would see stand out from chance. */
export const leastWindowRows = 500;

/** Most names in a list of signals. */
const maxNames = 2048;

/** How the thresholds are named, and from where on a difference matters. */
const thresholdRules = {
  psi: { key: "psi", default: 0.1, max: 100 },
  js: { key: "js", default: 0.1, max: 1 },
  ks: { key: "ks", default: 0.05, max: 1 },
  wasserstein: { key: "wasserstein", default: 0.1, max: 1e6 },
  chi_square: { key: "chiSquare", default: 0.1, max: 100 },
  l_infinity: { key: "lInfinity", default: 0.05, max: 1 },
  hellinger: { key: "hellinger", default: 0.1, max: 1 },
  total_variation: { key: "totalVariation", default: 0.1, max: 1 },
} as const satisfies Record<DriftMethod, { readonly key: string; readonly default: number; readonly max: number }>;

const defaultMethods: readonly DriftMethod[] = ["psi", "js", "ks", "wasserstein", "chi_square"];

/** Reads the section. @throws InferenceError "refused" */
export function readDriftConfig(section: Section): DriftConfig {
  const thresholds = section.section("thresholds");
  const named = section.texts("methods", driftMethods.length);
  const config: DriftConfig = {
    against: section.choice("against", ["reference", "previous", "off"]) ?? "reference",
    methods: named.length === 0 ? defaultMethods : readMethods(section, named),
    alpha: section.number("alpha", { default: 0.001, min: 1e-9, max: 0.5 }),
    correction: section.choice("correction", corrections) ?? "bonferroni",
    windowRows: section.number("windowRows", { default: 1000, min: leastWindowRows, max: 1e9, isInteger: true }),
    windowSeconds: section.number("windowSeconds", { default: 0, min: 0, max: 30 * 86_400 }),
    windows: section.number("windows", { default: 3, min: 1, max: 60, isInteger: true }),
    thresholds: Object.fromEntries(
      driftMethods.map((method) => {
        const { key, default: value, max } = thresholdRules[method];
        return [method, thresholds.number(key, { default: value, min: 0, max })];
      }),
    ) as Record<DriftMethod, number>, // every method has an entry
    learnRows: readLearnRows(section),
    signals: section.texts("signals", maxNames),
    ignore: section.texts("ignore", maxNames),
  };
  return config;
}

/** Most rows that are learned from: as many as the sketches of their signals keep one by one. */
const maxLearnRows = 8000;

function readLearnRows(section: Section): number {
  const rows = section.number("learnRows", { default: 0, min: 0, max: maxLearnRows, isInteger: true });
  if (rows > 0 && rows < leastWindowRows)
    throw section.invalid("learnRows", rows, `0, or ${leastWindowRows} to ${maxLearnRows}`);
  return rows;
}

function readMethods(section: Section, names: readonly string[]): readonly DriftMethod[] {
  return names.map((name, i) => {
    const method = driftMethods.find((known) => known === name);
    if (method === undefined) throw section.invalid(`methods[${i}]`, name, driftMethods.join(", "));
    if (names.indexOf(name) < i) throw refused(`${section.place}.methods has '${name}' twice`);
    return method;
  });
}
