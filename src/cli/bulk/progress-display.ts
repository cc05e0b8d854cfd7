import type { Writable } from "node:stream";
import { type ProgressState, progressLine } from "./progress.ts";

/** Milliseconds between two lines: on a terminal, where one line is written again and again, and elsewhere. */
const intervalMs = { terminal: 200, elsewhere: 10_000 } as const;

/** Shows how far a run has come, until it is stopped: a bar on a terminal, now and then a line elsewhere. */
export class ProgressDisplay {
  readonly #stream: Writable;
  readonly #state: () => ProgressState;
  readonly #isTerminal: boolean;
  readonly #timer: NodeJS.Timeout;

  constructor(stream: Writable, state: () => ProgressState) {
    this.#stream = stream;
    this.#state = state;
    this.#isTerminal = "isTTY" in stream && stream.isTTY === true;
    this.#timer = setInterval(() => this.#show(), this.#isTerminal ? intervalMs.terminal : intervalMs.elsewhere);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#isTerminal) this.#stream.write("\r\x1b[K");
  }

  #show(): void {
    const line = progressLine(this.#state(), this.#isTerminal);
    this.#stream.write(this.#isTerminal ? `\r${line}\x1b[K` : `${line}\n`);
  }
}
