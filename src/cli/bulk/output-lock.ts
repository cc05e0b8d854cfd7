import { readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { UsageError } from "../arguments.ts";

/** Where the lock of an output lies. */
export function lockPath(output: string): string {
  return `${output}.lock`;
}

/**
 * Keeps a second run from writing the same output: a file beside it that names the process and its host. What a killed run left is found out by its
 * process being gone, and taken over.
 */
export class OutputLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws UsageError when another run writes the output, or may do so on another host */
  static async acquire(output: string): Promise<OutputLock> {
    const path = lockPath(output);
    for (;;) {
      if (await createFile(path)) return new OutputLock(path);
      const holder = await readIfThere(path);
      if (holder === undefined) continue; // released meanwhile
      if (!isGone(holder)) throw new UsageError(heldBy(path, holder));
      await takeOver(path, holder);
    }
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function describeHolder(): string {
  return `${process.pid} ${hostname()}\n`;
}

/** @returns whether it was not there */
async function createFile(path: string): Promise<boolean> {
  try {
    await writeFile(path, describeHolder(), { flag: "wx" });
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Whether the process is known to have ended. One that cannot be asked about (another host, another user) counts as running. */
function isGone(holder: string): boolean {
  const [pid, host] = holder.trim().split(" ");
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return hasCode(error, "ESRCH");
  }
}

/** How often and how far apart a lock that another run is taking over is looked at. */
const takeOverTries = 100;
const takeOverPauseMs = 10;

/** Removes a lock whose process has ended. Only one run does so at a time, and looks again first: others may hold it by then. */
async function takeOver(path: string, holder: string): Promise<void> {
  const guard = `${path}.taken`;
  for (let tries = 0; !(await createFile(guard)); tries++) {
    if (tries === takeOverTries)
      throw new UsageError(`another run takes '${path}' over; if none does, remove '${guard}'`);
    await setTimeout(takeOverPauseMs);
  }
  try {
    if ((await readIfThere(path)) === holder) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

function heldBy(path: string, holder: string): string {
  const [pid = "", host = ""] = holder.trim().split(" ");
  const output = path.slice(0, -".lock".length);
  const where = host === hostname() ? "" : ` on ${host}`;
  return `process ${pid}${where} is writing '${output}'; if that run has ended, remove '${path}'`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
