/**
 * Draws requests from a caller's iterable one by one, when somebody has room for them, and never ahead. Without a promise where the iterable
 * is synchronous: that is paid for with every message of a stream.
 */
export class RequestSource<Request> {
  readonly #iterator: Iterator<Request> | AsyncIterator<Request>;
  readonly #isAsync: boolean;
  readonly #listener: SourceListener<Request>;
  /** A request is on its way. */
  #isDrawing = false;
  #isLooping = false;
  #isOver = false;

  constructor(requests: Iterable<Request> | AsyncIterable<Request>, listener: SourceListener<Request>) {
    this.#isAsync = Symbol.asyncIterator in requests;
    this.#iterator = Symbol.asyncIterator in requests ? requests[Symbol.asyncIterator]() : requests[Symbol.iterator]();
    this.#listener = listener;
  }

  /** Draws while there is room. Called whenever there may be. */
  draw(): void {
    if (this.#isLooping) return; // called by who takes a request: the loop goes on by itself
    this.#isLooping = true;
    while (!this.#isOver && !this.#isDrawing && this.#listener.hasRoom()) {
      this.#isDrawing = true;
      try {
        const step = this.#iterator.next();
        if (this.#isAsync) Promise.resolve(step).then(this.#onLater, this.#onFailed);
        else this.#onStep(step as IteratorResult<Request>); // a synchronous iterator gives no promise
      } catch (error) {
        this.#onFailed(error);
      }
    }
    this.#isLooping = false;
  }

  /** Draws no more, and lets the iterable clean up. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#isAsync || !this.#isDrawing) this.#return();
  }

  #onStep({ done, value }: IteratorResult<Request>): void {
    this.#isDrawing = false;
    if (done === true) {
      if (this.#isOver) return;
      this.#isOver = true;
      this.#listener.onDone();
    } else if (!this.#isOver) this.#take(value);
    else if (!this.#isAsync) this.#return(); // stopped by the iterable itself, while it ran
  }

  #take(request: Request): void {
    try {
      this.#listener.onRequest(request);
    } catch (error) {
      this.stop();
      this.#listener.onFailed(error);
    }
  }

  /** What fails here has nobody left to hear it. */
  #return(): void {
    try {
      Promise.resolve(this.#iterator.return?.()).catch(() => {});
    } catch {}
  }

  readonly #onLater = (step: IteratorResult<Request>): void => {
    this.#onStep(step);
    this.draw();
  };

  readonly #onFailed = (error: unknown): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onFailed(error);
  };
}

/** Who takes the requests. */
export interface SourceListener<Request> {
  hasRoom(): boolean;
  /** What it throws is a failure of the source, which is told to clean up. */
  onRequest(request: Request): void;
  onDone(): void;
  /** The iterable threw, or a request of it could not be taken. */
  onFailed(error: unknown): void;
}
