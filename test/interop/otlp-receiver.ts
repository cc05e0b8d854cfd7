import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { toolPath } from "./foreign-tools.ts";

/** A point of a push, as the Python receiver decoded it. */
export interface ReceivedPoint {
  readonly name: string;
  readonly unit: string;
  readonly kind: "sum" | "gauge" | "histogram";
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly cumulative?: boolean;
  /** Start of a sum or histogram, epoch nanoseconds. */
  readonly start?: number;
  readonly monotonic: boolean;
  readonly value?: number;
  readonly count?: number;
  /** Null: it has none. */
  readonly sum?: number | null;
  readonly bounds?: readonly number[];
  readonly buckets?: readonly number[];
}

/** A span of a push. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** Span ids of its links. */
  readonly links: readonly string[];
  readonly nanoseconds: number;
}

/** A log record of a push. */
export interface ReceivedLog {
  readonly body: string;
  readonly severity: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly nanoseconds: number;
}

interface Line {
  readonly grpc?: number;
  readonly http?: number;
  readonly metrics?: readonly ReceivedPoint[];
  /** When the metrics were collected; the parts of one collection share it. */
  readonly time?: string;
  readonly logs?: readonly ReceivedLog[];
  readonly resources?: readonly Readonly<Record<string, unknown>>[];
  readonly spans?: readonly ReceivedSpan[];
}

/** An OpenTelemetry receiver in Python, in a process of its own. */
export class OtlpReceiver {
  /** Every collection of metrics so far, oldest first; of the last one there may be more to come. */
  readonly collections: ReceivedPoint[][] = [];
  #lastTime: string | undefined;
  /** Every log record so far. */
  readonly logs: ReceivedLog[] = [];
  /** Attributes of the resource that the last push came from. */
  resource: Readonly<Record<string, unknown>> = {};
  /** Every span so far. */
  readonly spans: ReceivedSpan[] = [];
  readonly #child: ChildProcess;
  readonly #ports = Promise.withResolvers<{ readonly grpc: number; readonly http: number }>();

  constructor() {
    const script = join(import.meta.dirname, "python", "otlp_receiver.py");
    this.#child = spawn(toolPath("python"), [script], { stdio: ["ignore", "pipe", "inherit"] });
    this.#child.on("exit", () => this.#ports.reject(new Error("the receiver ended")));
    this.#ports.promise.catch(() => {}); // whoever asks for an endpoint hears of it
    assert.ok(this.#child.stdout !== null);
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#receive(JSON.parse(line) as Line));
  }

  /** Where to push to. */
  async endpoint(protocol: "grpc" | "http"): Promise<string> {
    return `http://127.0.0.1:${(await this.#ports.promise)[protocol]}`;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #receive({ grpc, http, metrics, time, resources, spans, logs }: Line): void {
    if (grpc !== undefined && http !== undefined) this.#ports.resolve({ grpc, http });
    if (metrics !== undefined) {
      if (time !== this.#lastTime) this.collections.push([]);
      this.#lastTime = time;
      this.collections.at(-1)?.push(...metrics);
    }
    this.logs.push(...(logs ?? []));
    this.resource = resources?.[0] ?? this.resource;
    this.spans.push(...(spans ?? []));
  }
}
