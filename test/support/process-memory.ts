import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { childProcesses } from "./test-server.ts";

/** Resident bytes of the runtime processes of the server in this process, by process id. Linux only. */
export function runtimeMemory(): ReadonlyMap<number, number> {
  return new Map(childProcesses().map((pid) => [pid, residentBytes(pid)]));
}

/** Resident bytes of a process; 0 once it has ended. Linux only. */
export function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has ended meanwhile
  }
}

/** Bytes that this process, server and client, really needs: its heap after a full collection, with what lies outside of it. */
export function neededBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void; // what the flag exposes
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
