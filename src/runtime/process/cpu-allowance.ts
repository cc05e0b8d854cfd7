import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * CPU cores that this process may use: the scheduler's set, lowered by the control group's quota (cgroup v2 `cpu.max`, v1
 * `cpu.cfs_quota_us`), which thread pools do not see by themselves. A fraction below one counts as what it is.
 */
export function cpuAllowance(read: (path: string) => string = (path) => readFileSync(path, "utf8")): number {
  return Math.min(availableParallelism(), quota(read) ?? Number.POSITIVE_INFINITY);
}

function quota(read: (path: string) => string): number | undefined {
  const v2 = tryRead(read, "/sys/fs/cgroup/cpu.max")?.trim().split(/\s+/);
  if (v2 !== undefined) return ratio(v2[0], v2[1]);
  return ratio(
    tryRead(read, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
    tryRead(read, "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
  );
}

function ratio(quotaText: string | undefined, periodText: string | undefined): number | undefined {
  const value = Number(quotaText) / Number(periodText);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

function tryRead(read: (path: string) => string, path: string): string | undefined {
  try {
    return read(path);
  } catch {
    return undefined; // no such control group version here
  }
}

/**
 * Shares the threads of ONNX Runtime among runtime processes, so that all intra-op pools together stay within the CPU allowance less
 * the front process. A process always gets one thread.
 */
export class ThreadBudget {
  readonly #total: number;
  #granted = 0;

  /** @param total threads over all processes; 0: the CPU allowance less one, at least one */
  constructor(total: number, allowance = cpuAllowance()) {
    this.#total = total > 0 ? total : Math.max(1, Math.floor(allowance) - 1);
  }

  /** Up to `wanted` threads, at least one. */
  acquire(wanted: number): number {
    const threads = Math.max(1, Math.min(wanted, this.#total - this.#granted));
    this.#granted += threads;
    return threads;
  }

  release(threads: number): void {
    this.#granted -= threads;
  }

  get total(): number {
    return this.#total;
  }
}
