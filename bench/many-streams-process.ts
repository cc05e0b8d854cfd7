import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { answerParent } from "./child.ts";
import { Connection, type OpenStream } from "./connection.ts";
import { check, createShots, type Shot } from "./shot.ts";

/** What the process is asked: to hold so many streams open, on each of which a message leaves once in an interval, evenly spread. */
export interface ManyStreamsRequest {
  readonly address: string;
  /** The server's front process, whose memory is read. */
  readonly pid: number;
  readonly model: string;
  readonly samplesPath: string;
  readonly streams: number;
  readonly connections: number;
  readonly intervalMs: number;
  readonly seconds: number;
}

export interface ManyStreamsResult {
  /** Answers, all of them right. */
  readonly answers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Resident memory of the front before the first stream, with all open and idle, and the most while they were in use. */
  readonly beforeBytes: number;
  readonly openBytes: number;
  readonly busyBytes: number;
}

/** How often the timer sends what is due. */
const tickMs = 5;

/** Time for connections and memory to settle. */
const settleMs = 1_000;

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** One stream with at most a few messages under way. */
class SlowStream {
  readonly #stream: OpenStream;
  readonly #sent: { readonly shot: Shot; readonly ms: number }[] = [];

  constructor(connection: Connection, onAnswer: (latencyMs: number) => void) {
    this.#stream = connection.openStream("ModelStreamInfer", (bytes) => {
      const sent = this.#sent.shift();
      if (sent === undefined) throw new Error("an answer without a question");
      check({ kind: "stream", hasModel: true }, sent.shot, bytes);
      onAnswer(performance.now() - sent.ms);
    });
  }

  send(shot: Shot): void {
    this.#sent.push({ shot, ms: performance.now() });
    this.#stream.send(shot.message);
  }

  async finish(): Promise<void> {
    this.#stream.finish();
    await this.#stream.ended;
    if (this.#sent.length > 0) throw new Error(`${this.#sent.length} messages were never answered`);
  }
}

async function run(request: ManyStreamsRequest): Promise<ManyStreamsResult> {
  const { address, pid, streams: count, connections: connectionCount, intervalMs, seconds } = request;
  const shots = createShots({ ...request, rowsPerMessage: 1 });
  const beforeBytes = residentBytes(pid);
  const connections = Array.from({ length: connectionCount }, () => new Connection(address));
  const latencies: number[] = [];
  const streams = Array.from(
    { length: count },
    (_, i) => new SlowStream(connections[i % connectionCount]!, (ms) => latencies.push(ms)),
  );
  await sleep(settleMs + count / 5); // headers of so many calls
  const openBytes = residentBytes(pid);
  let busyBytes = openBytes;
  const startMs = performance.now();
  let sent = 0;
  while (performance.now() - startMs < seconds * 1000) {
    const due = Math.floor(((performance.now() - startMs) / intervalMs) * count);
    for (; sent < due; sent++) streams[sent % count]!.send(shots[sent % shots.length]!);
    await sleep(tickMs);
    busyBytes = Math.max(busyBytes, residentBytes(pid));
  }
  await Promise.all(streams.map((stream) => stream.finish()));
  for (const connection of connections) connection.close();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { answers: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99), beforeBytes, openBytes, busyBytes };
}

answerParent(run);
