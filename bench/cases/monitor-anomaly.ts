import type { Signal } from "../../src/monitor/collect/sampled-rows.ts";
import type { ChangeConfig } from "../../src/monitor/config/changes.ts";
import {
  HalfSpaceDetector,
  MahalanobisDetector,
  type RowDetector,
} from "../../src/monitor/evaluate/anomaly/row-detector.ts";
import { ChangeDetector } from "../../src/monitor/evaluate/changes/change-detector.ts";
import type { BenchCase, Line } from "../bench-case.ts";
import { measurePrimitive } from "../primitive.ts";
import { createRandom } from "../random.ts";

/** Numbers that are used over and over, so that making them is no part of the measurement. */
const count = 4096;

const methods: readonly ChangeConfig[] = [
  { method: "adwin", delta: 0.002, minChange: 0, minRatio: 0, signal: "confidence", label: "", averageOf: 1 },
  { method: "page_hinkley", delta: 0.5, threshold: 12, baseline: 300, signal: "value", label: "", averageOf: 1 },
  { method: "ewma", weight: 0.2, limit: 4, baseline: 300, signal: "value", label: "", averageOf: 1 },
];

function signals(width: number): readonly Signal[] {
  return Array.from({ length: width }, (_, column) => ({
    name: `x[${column}]`,
    role: "SIGNAL_ROLE_INPUT",
    tensor: "x",
    column,
    datatype: "FP32",
    kind: "numeric",
    categories: [],
    minimum: 0,
    maximum: 1,
  }));
}

/** Detectors of rows of 30 numbers. */
function rowDetectors(): readonly RowDetector[] {
  const width = 30;
  const identity = Array.from({ length: width * width }, (_, at) => Number(at % (width + 1) === 0));
  const mahalanobis = new MahalanobisDetector(signals(width), new Array<number>(width).fill(0.5), identity);
  return [mahalanobis, new HalfSpaceDetector(signals(width), 1)];
}

/** What each value that is watched over time costs, and each row that gets a score by itself. */
export const monitorAnomalyCase: BenchCase = {
  name: "monitor/anomaly",
  summary: "a value through each change detector, a row of 30 numbers through each row detector",
  async run(options) {
    const random = createRandom(1);
    const values = Float64Array.from({ length: count }, random);
    const lines: Line[] = methods.map((config) => {
      const detector = new ChangeDetector(config, config.signal === "confidence" ? "share" : "number");
      const turn = (index: number) => void detector.add(values[index % count] as number, index);
      return measurePrimitive({ what: `a value through ${config.method}`, turn }, options);
    });
    const rows = Array.from({ length: 256 }, () => Float64Array.from({ length: 30 }, random));
    for (const detector of rowDetectors()) {
      for (const row of [...rows, ...rows]) detector.learn?.(row);
      const turn = (index: number) => {
        const row = rows[index % rows.length] as Float64Array;
        detector.score(row);
        detector.learn?.(row);
      };
      lines.push(measurePrimitive({ what: `a row through ${detector.name}`, turn }, options));
    }
    return lines;
  },
};
