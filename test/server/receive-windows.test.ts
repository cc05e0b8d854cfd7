import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ConnectionWindows,
  initialWindowBytes,
  nextWindow,
  ReceiveWindows,
  type WindowedConnection,
} from "../../src/server/receive-windows.ts";

const mebibyte = 2 ** 20;

/** A sender that fills its window in every round trip, as far as it has something to send. */
class FakeConnection implements WindowedConnection {
  receivedBytes = 0;
  windowBytes = initialWindowBytes;
  readonly resized: { readonly stream: number; readonly connection: number }[] = [];
  /** Most bytes that it sends in a round trip. */
  rate = Number.POSITIVE_INFINITY;
  canPing = true;
  #waiting: (() => void)[] = [];

  setWindows(stream: number, connection: number): void {
    this.windowBytes = stream;
    this.resized.push({ stream, connection });
  }

  ping(onAnswer: () => void): boolean {
    if (this.canPing) this.#waiting.push(onAnswer);
    return this.canPing;
  }

  /** Lets pings be answered until no more are sent. @returns how many there were */
  answerPings(): number {
    let count = 0;
    for (let answer = this.#waiting.shift(); answer !== undefined; answer = this.#waiting.shift()) {
      this.receivedBytes += Math.min(this.windowBytes, this.rate);
      answer();
      count++;
    }
    return count;
  }
}

function subject(budgetBytes = 64 * mebibyte, maxStreamBytes = 4 * mebibyte) {
  const clock = { nowMs: 0 };
  const all = new ReceiveWindows({ maxStreamBytes, budgetBytes }, () => clock.nowMs);
  const open = () => {
    const connection = new FakeConnection();
    return { connection, windows: all.open(connection) };
  };
  return { all, clock, open };
}

/** Ten bulk messages. @returns how many measurements they gave rise to */
function carryBulk({ connection, windows }: { connection: FakeConnection; windows: ConnectionWindows }): number {
  let pings = 0;
  for (let i = 0; i < 10; i++) {
    windows.onMessage(4 * mebibyte);
    pings += connection.answerPings();
  }
  return pings;
}

test("a window grows only when it is filled within a round trip, to a power of two, never beyond the limit", () => {
  assert.equal(nextWindow(65_535, 25_000, mebibyte), 65_535);
  assert.equal(nextWindow(65_535, 32_984, mebibyte), 131_072);
  assert.equal(nextWindow(65_535, 65_535, mebibyte), 131_072);
  assert.equal(nextWindow(65_535, 300_000, mebibyte), mebibyte);
  assert.equal(nextWindow(mebibyte, 10 * mebibyte, mebibyte), mebibyte);
  assert.equal(nextWindow(2 * mebibyte, 3 * mebibyte, mebibyte), 2 * mebibyte, "never smaller");
});

test("a connection that carries bulk gets the largest window within a few round trips, one that does not keeps its own", () => {
  const { all, open } = subject();
  const [bulk, small] = [open(), open()];
  bulk.windows.onCallStart();
  small.windows.onCallStart();
  assert.equal(carryBulk(bulk), 6, "64 KB doubled six times");
  assert.equal(bulk.connection.windowBytes, 4 * mebibyte);
  assert.equal(bulk.connection.resized.at(-1)?.connection, 16 * mebibyte, "room for several streams");
  assert.equal(all.grownBytes, 4 * mebibyte - initialWindowBytes);
  assert.equal(carryBulk(bulk), 0, "nothing is measured at the limit");

  small.connection.rate = 20_000;
  for (let i = 0; i < 1_000; i++) {
    small.windows.onMessage(4_096);
    small.connection.answerPings();
  }
  assert.deepEqual(small.connection.resized, []);
  bulk.windows.onCallEnd();
  assert.equal(all.grownBytes, 0, "an ended call holds nothing");
});

test("a sender that is not held up is measured less and less often", () => {
  const { open } = subject();
  const one = open();
  one.windows.onCallStart();
  one.connection.rate = 20_000;
  let pings = 0;
  for (let bytes = 0; bytes < 256 * mebibyte; bytes += 4_096) {
    one.windows.onMessage(4_096);
    pings += one.connection.answerPings();
  }
  assert.ok(pings >= 5 && pings <= 16, `${pings} measurements in 256 MB`);
});

test("a sender that begins slowly and becomes fast gets its window", () => {
  const { open } = subject();
  const one = open();
  one.windows.onCallStart();
  one.connection.rate = 20_000;
  carryBulk(one);
  one.connection.rate = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) carryBulk(one);
  assert.equal(one.windows.windowBytes, 4 * mebibyte);
});

test("the last room of the budget is given out in part, and the budget is kept", () => {
  const { all, open } = subject(5 * mebibyte);
  const [first, second, third] = [open(), open(), open()];
  for (const one of [first, second, third]) {
    one.windows.onCallStart();
    carryBulk(one);
  }
  assert.equal(first.windows.windowBytes, 4 * mebibyte);
  assert.ok(second.windows.windowBytes > initialWindowBytes && second.windows.windowBytes < 4 * mebibyte);
  assert.ok(all.grownBytes <= 5 * mebibyte);
  first.windows.onCallEnd();
  first.windows.close();
  for (let i = 0; i < 4; i++) carryBulk(third);
  assert.equal(third.windows.windowBytes, 4 * mebibyte, "what a closed connection held");
});

test("calls that come to a connection with large windows make them smaller, in few steps", () => {
  const { all, open } = subject(8 * mebibyte);
  const one = open();
  one.windows.onCallStart();
  carryBulk(one);
  const before = one.connection.resized.length;
  for (let i = 0; i < 999; i++) one.windows.onCallStart();
  assert.ok(all.grownBytes <= 8 * mebibyte, `${all.grownBytes} bytes`);
  assert.ok(one.connection.resized.length - before <= 12, `${one.connection.resized.length - before} changes`);
  for (let i = 0; i < 1_000; i++) one.windows.onCallEnd();
  assert.equal(all.grownBytes, 0);
});

test("a connection that fell silent gives its growth back when another one needs it", () => {
  const { clock, open } = subject(4 * mebibyte);
  const [silent, busy] = [open(), open()];
  silent.windows.onCallStart();
  carryBulk(silent);
  busy.windows.onCallStart();
  carryBulk(busy);
  assert.ok(busy.windows.windowBytes < mebibyte, "not yet silent for long");
  clock.nowMs = 9_000;
  carryBulk(busy);
  assert.equal(silent.windows.windowBytes, 4 * mebibyte);
  clock.nowMs = 11_000;
  for (let i = 0; i < 8; i++) carryBulk(busy);
  assert.equal(silent.connection.windowBytes, initialWindowBytes);
  assert.equal(busy.windows.windowBytes, 4 * mebibyte);
});

test("without a budget, or where no ping can be sent, nothing grows", () => {
  const poor = subject(0).open();
  poor.windows.onCallStart();
  carryBulk(poor);
  const mute = subject().open();
  mute.connection.canPing = false;
  mute.windows.onCallStart();
  for (let i = 0; i < 3; i++) carryBulk(mute);
  assert.deepEqual([...poor.connection.resized, ...mute.connection.resized], []);
});

test("whatever connections and calls come and go, the budget is kept and nothing is left over", () => {
  const step = fc.record({ connection: fc.nat(3), kind: fc.constantFrom("start", "end", "bulk", "wait") });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 16 * mebibyte }), (steps, budget) => {
      const { all, clock, open } = subject(budget);
      const connections = Array.from({ length: 4 }, () => ({ ...open(), calls: 0 }));
      for (const { connection, kind } of steps) {
        const one = connections[connection]!;
        if (kind === "start") {
          one.windows.onCallStart();
          one.calls++;
        } else if (kind === "end" && one.calls > 0) {
          one.windows.onCallEnd();
          one.calls--;
        } else if (kind === "bulk") carryBulk(one);
        else clock.nowMs += 6_000;
        assert.ok(all.grownBytes >= 0 && all.grownBytes <= budget, `${all.grownBytes} of ${budget}`);
        for (const { windows } of connections) assert.ok(windows.windowBytes >= initialWindowBytes);
      }
      for (const { windows, calls } of connections) for (let i = 0; i < calls; i++) windows.onCallEnd();
      assert.equal(all.grownBytes, 0);
    }),
  );
});
