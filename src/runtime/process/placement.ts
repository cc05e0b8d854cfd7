import type { Clock } from "../clock.ts";
import { ThreadBudget } from "./cpu-allowance.ts";
import { type ProcessEvent, ProcessSlot } from "./process-slot.ts";
import type { Device } from "./session.ts";
import { TrialProcesses } from "./trial-processes.ts";

export interface PlacementOptions {
  readonly arenaFolder: string;
  readonly arenaMaxBytes: number;
  readonly prefetch: number;
  readonly recycleBytes: number;
  readonly crashLoopLimit: number;
  readonly sharedRuntimeProcesses: number;
  readonly intraOpThreads: number;
  readonly clock: Clock;
  onEvent(event: ProcessEvent, pid: number, detail: string): void;
}

/** A model whose files are smaller shares a process; larger ones deserve one of their own. */
const sharedModelBytes = 32 * 1024 * 1024;

/** More threads than this rarely make one run of a model faster. */
const maxThreadsOfModel = 4;

/** A process slot for one instance, and how to give it back. */
export interface Place {
  readonly slot: ProcessSlot;
  readonly threads: number;
  readonly isShared: boolean;
  release(): void;
}

/**
 * Decides in which runtime process an instance lives: small CPU models share a few processes, everything else has its own.
 * Small models are loaded and tried in trial processes first, so that one that crashes, hangs or takes long to check does so beside nobody.
 */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #threads: ThreadBudget;
  /** Shared processes and the places given away in each: a model that is still being loaded has its place already. */
  readonly #shared = new Map<ProcessSlot, number>();
  readonly #owned = new Set<ProcessSlot>();
  readonly #trials: TrialProcesses;
  #devices: Promise<readonly Device[]> | undefined;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#threads = new ThreadBudget(options.intraOpThreads);
    this.#trials = new TrialProcesses(options.clock, () => this.#createSlot(0));
  }

  /** Whether a model of this size on this device lives beside others. */
  isShared(bytes: number, device: Device): boolean {
    return device === "cpu" && bytes < sharedModelBytes;
  }

  /** Execution providers that start on this machine, best first; found out once, in a runtime process. */
  devices(timeoutMs: number): Promise<readonly Device[]> {
    this.#devices ??= this.withTrial(async (slot) => {
      const found = (await slot.control({ operation: "devices" }, timeoutMs)) as { devices: readonly Device[] }; // process-main.ts
      return found.devices;
    }).catch(() => ["cpu"] as const); // a provider that takes the process along is none
    return this.#devices;
  }

  /** Lends a trial process that nobody else uses meanwhile. */
  withTrial<T>(use: (slot: ProcessSlot) => Promise<T>): Promise<T> {
    return this.#trials.lend(use);
  }

  /** A place among the shared processes, in one of `avoid` only when there is no other; the least crowded one. */
  acquireShared(avoid: ReadonlySet<ProcessSlot>): Place | undefined {
    const free = [...this.#shared.keys()].filter((slot) => !avoid.has(slot));
    let slot = free.sort((a, b) => this.#placesIn(a) - this.#placesIn(b))[0];
    const isWanted = slot === undefined || this.#placesIn(slot) > 0;
    if (isWanted && this.#shared.size < this.#options.sharedRuntimeProcesses) {
      slot = this.#createSlot(0);
      this.#threads.acquire(1);
    }
    if (slot === undefined) return undefined;
    const chosen = slot;
    this.#shared.set(chosen, this.#placesIn(chosen) + 1);
    return {
      slot: chosen,
      threads: 1,
      isShared: true,
      release: () => this.#shared.set(chosen, this.#placesIn(chosen) - 1),
    };
  }

  #placesIn(slot: ProcessSlot): number {
    return this.#shared.get(slot) ?? 0;
  }

  /** A process of its own. @param wantedThreads 0: as many as are worth it @param prefetch batches sent ahead */
  acquireOwn(wantedThreads: number, prefetch: number = this.#options.prefetch): Place {
    const threads = this.#threads.acquire(wantedThreads > 0 ? wantedThreads : maxThreadsOfModel);
    const slot = this.#createSlot(prefetch);
    this.#owned.add(slot);
    return {
      slot,
      threads,
      isShared: false,
      release: () => {
        this.#threads.release(threads);
        this.#owned.delete(slot);
        slot.stop();
      },
    };
  }

  /** The processes there are, by lasting names, for the monitor. */
  processes(): readonly { readonly name: string; readonly pid: number }[] {
    return this.#all()
      .map((slot, index) => ({ name: `${index}`, pid: slot.pid }))
      .filter(({ pid }) => pid > 0);
  }

  /** Ends all processes after what they have under way. */
  stop(): void {
    for (const slot of this.#all()) slot.stop();
  }

  /** Ends all processes at once. */
  kill(): void {
    for (const slot of this.#all()) slot.kill();
  }

  #all(): ProcessSlot[] {
    return [...this.#shared.keys(), ...this.#owned, ...this.#trials.slots];
  }

  #createSlot(prefetch: number): ProcessSlot {
    const { arenaFolder, arenaMaxBytes, recycleBytes, crashLoopLimit, clock } = this.#options;
    const onEvent = (event: ProcessEvent, pid: number, detail: string) => this.#options.onEvent(event, pid, detail);
    return new ProcessSlot({ arenaFolder, arenaMaxBytes, prefetch, recycleBytes, crashLoopLimit, clock, onEvent });
  }
}
