import type { Call, CallStatus } from "../../src/server/call.ts";

/** A call that keeps what is written to it, and takes the next message when the test says so. */
export class FakeCall<Response> implements Call<Response> {
  readonly method = "test.Test/Test";
  readonly startMs = 0;
  readonly deadlineMs = Number.POSITIVE_INFINITY;
  readonly signal = new AbortController().signal;
  isOpen = true;
  readonly written: Response[] = [];
  status: CallStatus | undefined;
  /** Messages are accepted as soon as they are written. */
  isEager = false;
  readonly #waiting: (() => void)[] = [];

  metadata(): undefined {
    return undefined;
  }
  read(): void {}

  write(response: Response, onAccepted: () => void): void {
    this.written.push(response);
    if (this.isEager) onAccepted();
    else this.#waiting.push(onAccepted);
  }

  /** The reader takes what was written. */
  accept(): void {
    for (const onAccepted of this.#waiting.splice(0)) onAccepted();
  }

  end(status: CallStatus): void {
    this.isOpen = false;
    this.status ??= status;
  }

  reset(): void {
    this.isOpen = false;
  }
}
