import type { ServeConfig } from "../config.ts";
import type { BufferBudget } from "./admission.ts";

/** What one stream holds: messages against its own window, bytes against that and the budget of the whole server. */
export class StreamWindow {
  readonly #config: Pick<ServeConfig, "streamWindow" | "streamWindowBytes">;
  readonly #budget: BufferBudget;
  /** Places taken: from the time at which a request is looked at until its last answer was accepted and its model is done. */
  #messages = 0;
  /** Bytes of requests, held answers, and answers that HTTP/2 has not accepted. */
  #bytes = 0;
  #isClosed = false;

  constructor(config: Pick<ServeConfig, "streamWindow" | "streamWindowBytes">, budget: BufferBudget) {
    this.#config = config;
    this.#budget = budget;
  }

  /** Whether there is a place for a message whose bytes are charged already. An empty window takes a message of any size. */
  hasPlaceFor(messageBytes: number): boolean {
    if (this.#messages >= this.#config.streamWindow) return false;
    return this.#messages === 0 || this.#bytes - messageBytes < this.#config.streamWindowBytes;
  }

  takePlace(): void {
    this.#messages++;
  }

  /** Bytes are in memory from now on. */
  charge(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.acquire(bytes);
  }

  /** Bytes are not needed any more, and perhaps a place. @returns false once the stream is over, whose bytes are free already */
  free(bytes: number, isPlace: boolean): boolean {
    if (this.#isClosed) return false;
    this.#bytes -= bytes;
    if (isPlace) this.#messages--;
    this.#budget.release(bytes);
    return true;
  }

  /** The stream is over: nothing of it is held any more. */
  close(): void {
    this.#isClosed = true;
    this.#budget.release(this.#bytes);
    this.#bytes = 0;
    this.#messages = 0;
  }
}
