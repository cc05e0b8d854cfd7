import type { CpuTime } from "./process-cpu.ts";

/** What the load process is asked to do: keep so many requests in flight for so long. */
export interface LoadRequest {
  readonly address: string;
  /** The server's process, whose CPU time is read. */
  readonly pid: number;
  readonly model: string;
  /** File of the rows to send and their answers. */
  readonly samplesPath: string;
  /** Compare outputs with the samples; else (an echo) only ids and sizes are checked. */
  readonly hasModel: boolean;
  readonly kind: "unary" | "stream";
  readonly rowsPerMessage: number;
  /** In all, spread over the connections. */
  readonly inFlight: number;
  readonly connections: number;
  readonly seconds: number;
  /** Names of tenants that unary calls are sent under, one after the other; absent: none. */
  readonly tenants?: readonly string[];
  /** Every request asks for a prediction id. Absent: none does. */
  readonly hasPredictionIds?: boolean;
  /** Time under load before measuring begins. */
  readonly warmUpSeconds: number;
}

export interface LoadResult {
  /** Answers that came within the measured time. All of them were right: a wrong one is an error. */
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server per call, microseconds. */
  readonly cpuPerCall: CpuTime;
}

/** Defaults of {@link LoadRequest} as the speed budget has them. */
export const loadDefaults = { connections: 4, inFlight: 64, rowsPerMessage: 1, warmUpSeconds: 0.2 } as const;
