import { readFileSync, statSync } from "node:fs";
import { InferenceError, toInferenceError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "./log.ts";
import type { TenantDirectory } from "./tenant-directory.ts";
import { maxTenantsFileBytes, parseTenants } from "./tenants-file.ts";

/** How often the file is looked at. */
const lookMs = 1_000;

/** What tells one state of the file from another; undefined: it cannot be looked at, whatever the reason. */
function stampOf(path: string): string | undefined {
  try {
    const { size, mtimeMs, ino } = statSync(path);
    return `${size}:${mtimeMs}:${ino}`;
  } catch {
    return undefined; // reading it says why
  }
}

/**
 * Keeps a tenants file in force while it changes. A change counts once two looks in a row saw the same file, as in the model repository, or at
 * once when it is asked for. A file that is broken or gone leaves the one before in force, and the log says so.
 */
export class TenantsWatch {
  readonly #path: string;
  readonly #directory: TenantDirectory;
  readonly #clock: Clock;
  readonly #log: Log;
  #applied: string | undefined;
  #seen: string | undefined;
  #cancel: (() => void) | undefined;

  /** Reads the file. @throws InferenceError "invalid" when it cannot be read or is no tenants file */
  constructor(path: string, directory: TenantDirectory, clock: Clock, log: Log) {
    this.#path = path;
    this.#directory = directory;
    this.#clock = clock;
    this.#log = log;
    this.#applied = stampOf(path);
    this.#seen = this.#applied;
    this.#read();
    this.#lookLater();
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Reads the file now, whether or not it seems to have changed. */
  reload(): void {
    this.#apply(stampOf(this.#path));
  }

  #lookLater(): void {
    this.#cancel = this.#clock.after(lookMs, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const stamp = stampOf(this.#path);
    const isStable = stamp === this.#seen;
    this.#seen = stamp;
    if (isStable && stamp !== this.#applied) this.#apply(stamp);
  }

  #apply(stamp: string | undefined): void {
    this.#applied = stamp;
    try {
      this.#log.info("tenants file in force", { path: this.#path, tenants: this.#read() });
    } catch (error) {
      const { message } = toInferenceError(error);
      this.#log.error("the new tenants file is refused; the one before stays in force", { error: message });
    }
  }

  /** @returns how many tenants there are now */
  #read(): number {
    const listed = parseTenants(readText(this.#path));
    this.#directory.replace(listed);
    return listed.size;
  }
}

/** @throws InferenceError "invalid" */
function readText(path: string): string {
  let size: number;
  try {
    size = statSync(path).size;
    if (size <= maxTenantsFileBytes) return readFileSync(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InferenceError("invalid", `tenants file '${path}' cannot be read: ${why}`, { cause });
  }
  throw new InferenceError(
    "invalid",
    `tenants file '${path}' has ${size} bytes, at most ${maxTenantsFileBytes} are allowed`,
  );
}
