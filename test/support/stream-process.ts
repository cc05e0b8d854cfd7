import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const main = join(import.meta.dirname, "..", "..", "src", "main.ts");

/** How a run of `sluice stream` ended. */
export interface StreamEnd {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}

/** `sluice stream` as a process of its own, as a user runs it. */
export class StreamProcess {
  readonly #child: ChildProcess;
  readonly #output: string;
  readonly #end: Promise<StreamEnd>;
  /** It has told what it will do, and listens to signals. */
  #hasBegun = false;
  #isOver = false;

  constructor(address: string, model: string, output: string, args: readonly string[]) {
    this.#output = output;
    this.#child = spawn(process.execPath, [main, "stream", address, model, "--output", output, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#end = this.#collect();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Sends a signal once the unfinished output has so many bytes, and so many milliseconds later; resolves to how the process ended, also when
   * it was complete before.
   */
  async interrupt(signal: NodeJS.Signals, bytes: number, delayMs = 0): Promise<StreamEnd> {
    await this.written(bytes);
    if (!this.#isOver && delayMs > 0) await delay(delayMs);
    this.#child.kill(signal);
    return await this.#end;
  }

  /** Resolves when the unfinished output has so many bytes, or the process has ended. */
  async written(bytes: number): Promise<void> {
    while (!this.#isOver && !(this.#hasBegun && partialBytes(this.#output) >= bytes)) await delay(2);
  }

  ended(): Promise<StreamEnd> {
    return this.#end;
  }

  async #collect(): Promise<StreamEnd> {
    let [out, err] = ["", ""];
    this.#child.stdout?.on("data", (text) => (out += text));
    this.#child.stderr?.on("data", (text) => {
      err += text;
      this.#hasBegun ||= err.includes("a message\n");
    });
    const [code, signal] = await once(this.#child, "close");
    this.#isOver = true;
    return { code: (code ?? signal) as number | string, out, err };
  }
}

function partialBytes(output: string): number {
  return statSync(`${output}.partial`, { throwIfNoEntry: false })?.size ?? 0;
}
