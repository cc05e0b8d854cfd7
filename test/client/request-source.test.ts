import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestSource } from "../../src/client/request-source.ts";

/** A taker with room for so many. */
class Taker {
  readonly taken: number[] = [];
  room: number;
  isDone = false;
  failure: unknown;
  /** Thrown at the request of this value. */
  refused: number | undefined;
  onTaken = (): void => {};

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

  source(requests: Iterable<number> | AsyncIterable<number>): RequestSource<number> {
    return new RequestSource(requests, {
      hasRoom: () => this.taken.length < this.room,
      onRequest: (request) => {
        if (request === this.refused) throw new RangeError("refused");
        this.taken.push(request);
        this.onTaken();
      },
      onDone: () => (this.isDone = true),
      onFailed: (error) => (this.failure = error),
    });
  }
}

/** Three numbers, and whether the iterable was told to clean up. */
class Numbers {
  drawn = 0;
  isReturned = false;

  *[Symbol.iterator](): Generator<number> {
    try {
      for (let i = 0; i < 3; i++) {
        this.drawn++;
        yield i;
      }
    } finally {
      this.isReturned = true;
    }
  }
}

async function* later(numbers: Iterable<number>): AsyncGenerator<number> {
  yield* numbers;
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a synchronous iterable is drawn at once, an asynchronous one as it gives, neither without room", async () => {
  for (const isAsync of [false, true]) {
    const [numbers, taker] = [new Numbers(), new Taker(2)];
    const source = taker.source(isAsync ? later(numbers) : numbers);
    source.draw();
    await settle();
    assert.deepEqual([taker.taken, numbers.drawn, taker.isDone], [[0, 1], 2, false]);
    taker.room = 9;
    source.draw();
    await settle();
    assert.deepEqual([taker.taken, taker.isDone], [[0, 1, 2], true]);
    source.draw();
    assert.equal(taker.taken.length, 3);
  }
});

test("stopping lets the iterable clean up, and nothing is taken afterwards", async () => {
  for (const isAsync of [false, true]) {
    const [numbers, taker] = [new Numbers(), new Taker(1)];
    const source = taker.source(isAsync ? later(numbers) : numbers);
    source.draw();
    await settle();
    source.stop();
    taker.room = 9;
    source.draw();
    await settle();
    assert.deepEqual([taker.taken, numbers.isReturned, taker.isDone], [[0], true, false]);
  }
});

test("an iterable that has the stream stopped while it runs is told to clean up", () => {
  let isReturned = false;
  let source: RequestSource<number> | undefined;
  function* numbers() {
    try {
      yield 1;
      source?.stop();
      yield 2;
    } finally {
      isReturned = true;
    }
  }
  const taker = new Taker();
  source = taker.source(numbers());
  source.draw();
  assert.deepEqual([taker.taken, isReturned, taker.failure], [[1], true, undefined]);
});

test("what the iterable throws is a failure, early and late", async () => {
  function* failing() {
    yield 1;
    throw new TypeError("no more");
  }
  for (const isAsync of [false, true]) {
    const taker = new Taker();
    taker.source(isAsync ? later(failing()) : failing()).draw();
    await settle();
    assert.deepEqual(taker.taken, [1]);
    assert.ok(taker.failure instanceof TypeError);
    assert.ok(!taker.isDone);
  }
});

test("a request that cannot be taken is a failure, and the iterable cleans up", async () => {
  for (const isAsync of [false, true]) {
    const [numbers, taker] = [new Numbers(), new Taker()];
    taker.refused = 1;
    taker.source(isAsync ? later(numbers) : numbers).draw();
    await settle();
    assert.deepEqual([taker.taken, numbers.isReturned], [[0], true]);
    assert.ok(taker.failure instanceof RangeError);
  }
});
