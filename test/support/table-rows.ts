import { readFileSync } from "node:fs";

/** The rows of a CSV file of numbers, without its last column (the target). */
export function featureRows(file: string): readonly Float32Array[] {
  const [, ...lines] = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => Float32Array.from(line.split(",").slice(0, -1), Number));
}
