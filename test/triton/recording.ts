import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Triton's answers in a file, one JSON line a case: so that every run of the tests has them, and a change shows which. */
export class Recording<T> {
  readonly #file: string;

  /** @param file relative to this folder */
  constructor(file: string) {
    this.#file = join(import.meta.dirname, file);
  }

  read(): ReadonlyMap<string, T> {
    const lines = readFileSync(this.#file, "utf8").trimEnd().split("\n");
    return new Map(lines.map((line) => JSON.parse(line) as [string, T]));
  }

  write(answers: ReadonlyMap<string, T>): void {
    writeFileSync(this.#file, `${[...answers].map((entry) => JSON.stringify(entry)).join("\n")}\n`);
  }
}
