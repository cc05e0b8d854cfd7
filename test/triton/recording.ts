import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer } from "./exchange.ts";
import type { Answers } from "./session.ts";

/** Triton's answers, one JSON line a case: so that every run of the tests has them, and a change shows which. */
const file = join(import.meta.dirname, "recorded.jsonl");

export function readRecording(): Answers {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return new Map(lines.map((line) => JSON.parse(line) as [string, Answer]));
}

export function writeRecording(answers: Answers): void {
  writeFileSync(file, `${[...answers].map((entry) => JSON.stringify(entry)).join("\n")}\n`);
}
