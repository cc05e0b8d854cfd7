import { setTimeout as sleep } from "node:timers/promises";
import { answerParent } from "./child.ts";
import { Connection } from "./connection.ts";
import { median } from "./estimate.ts";
import type { LoadRequest, LoadResult } from "./load.ts";
import { cpuTime } from "./process-cpu.ts";
import { check, createShots, type Shot } from "./shot.ts";

/**
 * The load generator, a process of its own: a closed loop over HTTP/2 without a gRPC library, because one would take more CPU time than what is
 * measured. Checks every answer.
 */

/** Runs one closed loop after another has begun; all of them share the counters. */
class Loop {
  readonly #request: LoadRequest;
  readonly #shots: readonly Shot[];
  readonly #latencies: number[] = [];
  #isMeasuring = false;
  #isStopping = false;
  #next = 0;

  constructor(request: LoadRequest) {
    this.#request = request;
    this.#shots = createShots(request);
  }

  async run(): Promise<LoadResult> {
    const { address, kind, seconds, warmUpSeconds, connections: count, pid } = this.#request;
    const connections = Array.from({ length: count }, () => new Connection(address));
    try {
      const work = connections.map((connection, index) =>
        kind === "unary" ? this.#unary(connection, index) : this.#stream(connection, index),
      );
      const failed = Promise.all(work).then(() => new Promise<never>(() => {}));
      await Promise.race([sleep(warmUpSeconds * 1000), failed]);
      const [cpuBefore, startMs] = [cpuTime(pid), performance.now()];
      this.#isMeasuring = true;
      await Promise.race([sleep(seconds * 1000), failed]);
      this.#isMeasuring = false;
      const [cpuAfter, elapsedMs] = [cpuTime(pid), performance.now() - startMs];
      this.#isStopping = true;
      await Promise.all(work);
      return this.#result(elapsedMs, { own: cpuAfter.own - cpuBefore.own, all: cpuAfter.all - cpuBefore.all });
    } finally {
      for (const connection of connections) connection.close();
    }
  }

  #result(elapsedMs: number, used: { own: number; all: number }): LoadResult {
    const calls = this.#latencies.length;
    if (calls === 0) throw new Error("no call ended within the measured time");
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return {
      calls,
      callsPerSecond: (calls / elapsedMs) * 1000,
      p50Ms: median(sorted),
      p99Ms: sorted[Math.floor((calls - 1) * 0.99)]!,
      cpuPerCall: { own: used.own / calls, all: used.all / calls },
    };
  }

  #share(index: number): number {
    const { inFlight, connections } = this.#request;
    return Math.floor(inFlight / connections) + (index < inFlight % connections ? 1 : 0);
  }

  #nextMetadata(): Readonly<Record<string, string>> {
    const { tenants = [] } = this.#request;
    const tenant = tenants[this.#next % tenants.length];
    return tenant === undefined ? {} : { "sluice-tenant": tenant };
  }

  #nextShot(): Shot {
    return this.#shots[this.#next++ % this.#shots.length]!;
  }

  #settle(shot: Shot, bytes: Buffer, sentMs: number): void {
    check(this.#request, shot, bytes);
    if (this.#isMeasuring) this.#latencies.push(performance.now() - sentMs);
  }

  async #unary(connection: Connection, index: number): Promise<void> {
    await Promise.all(
      Array.from({ length: this.#share(index) }, async () => {
        while (!this.#isStopping) {
          const shot = this.#nextShot();
          const sentMs = performance.now();
          this.#settle(shot, await connection.call("ModelInfer", shot.message, this.#nextMetadata()), sentMs);
        }
      }),
    );
  }

  /** One bidirectional stream a connection; answers come in request order. */
  async #stream(connection: Connection, index: number): Promise<void> {
    const waiting: { shot: Shot; sentMs: number }[] = [];
    let first = 0;
    const stream = connection.openStream("ModelStreamInfer", (bytes) => {
      const sent = waiting[first];
      if (sent === undefined) throw new Error("an answer without a question");
      waiting[first++] = undefined as never; // nothing of an answered message is kept
      if (first > 1024) {
        waiting.splice(0, first);
        first = 0;
      }
      this.#settle(sent.shot, bytes, sent.sentMs);
      if (this.#isStopping) stream.finish();
      else send();
    });
    const send = () => {
      const shot = this.#nextShot();
      waiting.push({ shot, sentMs: performance.now() });
      stream.send(shot.message);
    };
    for (let i = this.#share(index); i > 0; i--) send();
    await stream.ended;
    if (waiting.length > first) throw new Error(`${waiting.length - first} messages were never answered`);
  }
}

answerParent((request: LoadRequest) => new Loop(request).run());
