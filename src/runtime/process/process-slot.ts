import { assert, InferenceError } from "../../errors.ts";
import type { Clock } from "../clock.ts";
import { CrashBreaker } from "./crash-breaker.ts";
import { FairTurns } from "./fair-turns.ts";
import type { ControlRequest, LoadRequest, UnloadRequest } from "./load-protocol.ts";
import { type ProcessExit, RuntimeProcess, RuntimeProcessDied, type RuntimeProcessOptions } from "./runtime-process.ts";

/** A session that a process slot keeps alive, as the slot sees it. */
export interface Resident {
  /** How to load the session again in a new process: its configuration is complete. */
  readonly loadRequest: LoadRequest;
  readonly loadTimeoutMs: number;
  /** Whether requests wait for it: decides who is loaded first after a crash. */
  readonly hasWork: boolean;
  /** Takes a batch and sends it; false when there is nothing to send now. */
  startBatch(process: RuntimeProcess): boolean;
  /** The session can be used (again). */
  onLoaded(): void;
  /** The session cannot be used until {@link onLoaded}, or not soon. */
  onUnavailable(error: InferenceError): void;
  /** The process has ended, and with it whatever the session remembered. After what was under way has heard of it. */
  onLost?(): void;
  /**
   * The process is replaced by another one, in which the session is loaded: takes along what the session remembers. Nothing runs meanwhile.
   * When this rejects, the old process goes on.
   */
  move?(from: RuntimeProcess, to: RuntimeProcess): Promise<void>;
}

export type ProcessEvent = "started" | "crash" | "timeout" | "memory" | "stopped";

export interface ProcessSlotOptions {
  readonly arenaFolder: string;
  readonly arenaMaxBytes: number;
  readonly prefetch: number;
  /** Resident memory at which the process is replaced. */
  readonly recycleBytes: number;
  readonly crashLoopLimit: number;
  readonly clock: Clock;
  /** Starts a process; absent: a real one. */
  readonly spawn?: (options: RuntimeProcessOptions) => RuntimeProcess;
  onEvent(event: ProcessEvent, pid: number, detail: string): void;
}

/** Resident memory must also have grown by this factor since the process began to run batches, or replacing it would be in vain. */
const recycleGrowth = 1.25;

/** Time after which a session is loaded again that could not be, though its process lives: its file may be back by then. */
const reloadAfterMs = 10_000;

/** How long a request is asked to wait whose process was stopped under it: another replica can answer at once. */
const stoppedRetryAfterMs = 100;

/** Idle time after which the arena's memory is given back. */
const trimAfterMs = 2_000;

interface Residency {
  readonly resident: Resident;
  readonly breaker: CrashBreaker;
  isLoaded: boolean;
  /** After crashes of its own doing: not loaded again before this moment. */
  notBeforeMs: number;
}

interface ControlTask {
  readonly request: ControlRequest;
  readonly limitMs: number;
  /** Whose session is loaded again by it, after a death. */
  readonly restored: Residency | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * A place for one runtime process: keeps one running, starts it again after a crash, replaces it when it has grown too large, and grants
 * it to its residents one frame at a time, fairly.
 */
export class ProcessSlot {
  readonly #options: ProcessSlotOptions;
  readonly #residencies = new Map<Resident, Residency>();
  /** Shares the process by measured run time. */
  readonly #turns = new FairTurns<Residency>();
  readonly #controls: ControlTask[] = [];
  #process: RuntimeProcess | undefined;
  #generation = 0;
  #restoring: RuntimeProcess | undefined;
  #wasControl = false;
  #isDispatchPlanned = false;
  #isRecycling = false;
  /** Somebody has the process for himself, or waits until it is idle: nothing new starts. */
  #isHeld = false;
  /** Called whenever the process may have become idle, while it is held. */
  #wakeHolder: () => void = () => {};
  /** What the process does beside batches at the moment. */
  #underWay: ControlTask | undefined;
  /** A resident was blamed for the death that is being reported: it does not count against the others. */
  #isDeathExplained = false;
  #isStopped = false;
  #baselineBytes = 0;
  #cancelTrim: (() => void) | undefined;
  #lastGrantMs = 0;

  constructor(options: ProcessSlotOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Bytes that one batch may take in the arena. */
  get slotBytes(): number {
    return Math.floor(this.#options.arenaMaxBytes / (1 + this.#options.prefetch));
  }

  /** Asks the process for something beside a batch, starting it when needed; waits for its turn. */
  control(request: ControlRequest, limitMs: number): Promise<unknown> {
    return this.#ask(request, limitMs, undefined);
  }

  #ask(request: ControlRequest, limitMs: number, restored: Residency | undefined): Promise<unknown> {
    if (this.#isStopped) return Promise.reject(stopping());
    return new Promise((resolve, reject) => {
      this.#controls.push({ request, limitMs, restored, resolve, reject });
      this.#dispatch();
    });
  }

  /** Changes whenever sessions are lost: what was loaded under another generation has to be loaded again. */
  get generation(): number {
    return this.#generation;
  }

  /** A session that was loaded through {@link control}, under a {@link generation}, becomes a resident. */
  add(resident: Resident, generation: number): void {
    const residency: Residency = {
      resident,
      breaker: new CrashBreaker(this.#options.crashLoopLimit, this.#options.clock),
      isLoaded: generation === this.#generation,
      notBeforeMs: 0,
    };
    this.#residencies.set(resident, residency);
    this.#turns.add(residency);
    if (residency.isLoaded) resident.onLoaded();
    else void this.#restore();
  }

  /** Unloads a session that has nothing under way. */
  async remove(resident: Resident): Promise<void> {
    const residency = this.#residencies.get(resident);
    if (residency === undefined) return;
    this.#residencies.delete(resident);
    this.#turns.remove(residency);
    if (this.#process === undefined || !residency.isLoaded) return;
    await this.#unload(resident).catch(() => {}); // a process that died has unloaded it too
  }

  #unload(resident: Resident): Promise<unknown> {
    const request: UnloadRequest = { operation: "unload", sessionId: resident.loadRequest.sessionId };
    return this.control(request, resident.loadTimeoutMs);
  }

  /** A resident has work: it gets the process when it is its turn. */
  offer(resident: Resident): void {
    const residency = this.#residencies.get(resident);
    if (residency === undefined || !residency.isLoaded) return;
    this.#turns.offer(residency);
    if (this.#process?.hasFreeSlot === true) this.#planDispatch();
  }

  /** What a run took, for fairness; and how large the process has become. */
  onRan(resident: Resident, process: RuntimeProcess, runMs: number, residentBytes: number): void {
    const residency = this.#residencies.get(resident);
    if (residency !== undefined) this.#turns.charge(residency, runMs);
    if (residentBytes > 0 && process === this.#process) this.#measure(residentBytes);
  }

  /** The process died while it ran a batch of this resident: counts against it, and not against those that live beside it. */
  blame(resident: Resident): void {
    this.#isDeathExplained = true;
    this.#residencies.get(resident)?.breaker.record();
  }

  /** The latest deaths of the process were one request's doing: they do not count toward the breaker. */
  forgiveCrashes(resident: Resident, count: number): void {
    this.#residencies.get(resident)?.breaker.forgive(count);
  }

  /**
   * Lends the process for a while in which nothing else runs there, once it is idle.
   * @throws InferenceError when there is no process, or somebody else has it
   */
  async borrow<T>(use: (process: RuntimeProcess) => Promise<T>): Promise<T> {
    assert(!this.#isHeld, "a process that is lent already");
    const process = this.#process;
    this.#isHeld = true;
    try {
      while (process?.isIdle === false && process === this.#process) {
        await new Promise<void>((resolve) => {
          this.#wakeHolder = resolve;
        });
      }
      assert(process !== undefined && process === this.#process, "a process that has ended");
      return await use(process);
    } finally {
      this.#isHeld = false;
      this.#dispatch();
    }
  }

  /** Ends the process after what is under way; what waits behind that fails. */
  stop(): void {
    this.#close();
    if (this.#process === undefined) this.#refuseAll();
    else this.#process.stop();
  }

  /** Ends the process at once. */
  kill(): void {
    this.#close();
    if (this.#process === undefined) this.#refuseAll();
    else this.#process.kill();
  }

  #close(): void {
    this.#isStopped = true;
    this.#cancelTrim?.();
    for (const task of this.#controls.splice(0)) task.reject(stopping());
  }

  #refuseAll(): void {
    for (const { resident } of this.#residencies.values()) resident.onUnavailable(stopping());
  }

  #onFree(): void {
    this.#wakeHolder();
    this.#offerAll();
    this.#planDispatch();
  }

  /** Who had no full batch to send ahead, and gave its turn away, has a batch for a process that is free. */
  #offerAll(): void {
    if (this.#options.prefetch === 0) return;
    for (const residency of this.#residencies.values()) {
      if (residency.isLoaded && residency.resident.hasWork) this.#turns.offer(residency);
    }
  }

  /** What arrives in one turn of the event loop is seen together, so that it can share a batch. */
  #planDispatch(): void {
    if (this.#isDispatchPlanned) return;
    this.#isDispatchPlanned = true;
    this.#options.clock.soon(() => {
      this.#isDispatchPlanned = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#isStopped || this.#isHeld) return;
    const process = this.#running();
    while (process?.hasFreeSlot === true) {
      const isControlDue = this.#controls.length > 0 && (!this.#turns.hasWaiting || !this.#wasControl);
      if (isControlDue) {
        if (process.isIdle) this.#startControl(process);
        return;
      }
      if (!this.#startBatch(process)) {
        if (this.#controls.length > 0 && process.isIdle) this.#startControl(process);
        return;
      }
    }
  }

  #startControl(process: RuntimeProcess): void {
    const task = this.#controls.shift();
    if (task === undefined) return;
    this.#wasControl = true;
    this.#underWay = task;
    process
      .control(task.request, task.limitMs)
      .finally(() => {
        if (this.#underWay === task) this.#underWay = undefined;
      })
      .then(task.resolve, task.reject);
  }

  #startBatch(process: RuntimeProcess): boolean {
    const isStarted = this.#turns.grant(
      ({ resident }) => resident.startBatch(process),
      ({ resident }) => resident.hasWork,
    );
    if (!isStarted) return false;
    this.#wasControl = false;
    this.#planTrim();
    return true;
  }

  /** The process, started when there is none. Undefined: it cannot be started now, which counts as a crash. */
  #running(): RuntimeProcess | undefined {
    if (this.#process !== undefined) return this.#process;
    try {
      this.#process = this.#spawn();
      this.#options.onEvent("started", this.#process.pid, "");
    } catch (error) {
      this.#options.onEvent("crash", 0, String(error));
      for (const task of this.#controls.splice(0)) task.reject(error);
      for (const { breaker } of this.#residencies.values()) breaker.record();
      this.#restartLater();
    }
    return this.#process;
  }

  #spawn(): RuntimeProcess {
    const options: RuntimeProcessOptions = {
      arenaFolder: this.#options.arenaFolder,
      arenaMaxBytes: this.#options.arenaMaxBytes,
      slots: 1 + this.#options.prefetch,
      clock: this.#options.clock,
      onFree: () => this.#onFree(),
      onExit: (exit) => this.#onExit(process, exit),
    };
    const process: RuntimeProcess = this.#options.spawn?.(options) ?? new RuntimeProcess(options);
    return process;
  }

  #onExit(process: RuntimeProcess, exit: ProcessExit): void {
    const isExplained = this.#isDeathExplained;
    this.#isDeathExplained = false;
    this.#options.onEvent(exit.kind, process.pid, exit.detail);
    if (process !== this.#process) return; // replaced before
    this.#process = undefined;
    this.#baselineBytes = 0;
    this.#generation++;
    this.#wakeHolder();
    if (this.#isStopped) {
      this.#refuseAll();
      return;
    }
    if (this.#residencies.size === 0) {
      if (this.#controls.length > 0) this.#dispatch();
      return;
    }
    const isAnyones = exit.kind === "crash" && !isExplained && this.#underWay === undefined;
    this.#underWay?.restored?.breaker.record();
    this.#underWay = undefined;
    for (const task of this.#controls.filter(({ restored }) => restored !== undefined)) {
      this.#controls.splice(this.#controls.indexOf(task), 1);
      task.reject(new RuntimeProcessDied(exit)); // its turn comes again below
    }
    for (const residency of this.#residencies.values()) {
      if (isAnyones) residency.breaker.record();
      residency.isLoaded = false;
      this.#turns.withdraw(residency);
      residency.resident.onLost?.();
    }
    this.#restartLater();
    if (this.#controls.length > 0) this.#dispatch(); // does not wait for residents that have to
  }

  /**
   * Plans the next start: at once for residents that had no part in it. Meanwhile requests wait where they are; only an open breaker, which
   * takes up to a minute, makes them fail.
   */
  #restartLater(): void {
    const now = this.#options.clock.now();
    for (const residency of this.#residencies.values()) {
      const { breaker, resident } = residency;
      const delayMs = breaker.isOpen ? breaker.cooldownMs : breaker.delayMs;
      residency.notBeforeMs = now + delayMs;
      if (breaker.isOpen) resident.onUnavailable(crashedTooOften(delayMs));
      if (delayMs > 0) this.#restoreAfter(delayMs);
    }
    void this.#restore();
  }

  #restoreAfter(delayMs: number): void {
    // Not a moment too early by the clock that decides below.
    this.#options.clock.after(Math.ceil(delayMs) + 1, () => void this.#restore());
  }

  /** Loads every missing session that may be loaded again by now, those with waiting requests first. */
  async #restore(): Promise<void> {
    const failed = new Set<Residency>();
    if (this.#isStopped || this.#nextMissing(failed) === undefined) return;
    const process = this.#running();
    if (process === undefined || this.#restoring === process) return;
    this.#restoring = process;
    while (this.#process === process) {
      const next = this.#nextMissing(failed);
      if (next === undefined) break;
      if (!(await this.#restoreOne(next))) failed.add(next);
    }
    if (this.#restoring === process) this.#restoring = undefined;
  }

  #nextMissing(failed: ReadonlySet<Residency>): Residency | undefined {
    const now = this.#options.clock.now();
    const missing = [...this.#residencies.values()].filter(
      (residency) => !residency.isLoaded && residency.notBeforeMs <= now && !failed.has(residency),
    );
    return missing.find(({ resident }) => resident.hasWork) ?? missing[0];
  }

  async #restoreOne(residency: Residency): Promise<boolean> {
    const { resident } = residency;
    try {
      await this.#ask(resident.loadRequest, resident.loadTimeoutMs, residency);
      if (!this.#residencies.has(resident)) {
        void this.#unload(resident).catch(() => {}); // it left meanwhile, and nobody else knows of the session
        return true;
      }
      residency.isLoaded = true;
      resident.onLoaded();
      return true;
    } catch (error) {
      if (error instanceof RuntimeProcessDied) return false; // onExit has counted it and planned the next start
      residency.notBeforeMs = this.#options.clock.now() + reloadAfterMs;
      resident.onUnavailable(
        new InferenceError("restarting", "the model could not be loaded again after its runtime process ended", {
          cause: error,
          retryAfterMs: reloadAfterMs,
        }),
      );
      this.#restoreAfter(reloadAfterMs);
      return false;
    }
  }

  #measure(residentBytes: number): void {
    if (this.#baselineBytes === 0) this.#baselineBytes = residentBytes;
    const limit = Math.max(this.#options.recycleBytes, this.#baselineBytes * recycleGrowth);
    if (residentBytes > limit && !this.#isRecycling) void this.#recycle();
  }

  /**
   * Starts a second process, loads everything there, and goes on with it; the old one ends after what it has under way. Sessions that remember something
   * take it along.
   */
  async #recycle(): Promise<void> {
    this.#isRecycling = true;
    const old = this.#process;
    let replacement: RuntimeProcess | undefined;
    try {
      replacement = this.#spawn();
      const loaded = await this.#loadAll(replacement);
      const movers = [...loaded].filter(({ move }) => move !== undefined);
      if (movers.length === 0) {
        this.#replace(old, replacement, loaded);
      } else {
        const to = replacement;
        await this.borrow(async (from) => {
          for (const resident of movers) await resident.move?.(from, to);
          this.#replace(old, to, loaded);
        });
      }
    } catch {
      replacement?.stop(); // the old process goes on; the next measurement tries again
    }
    this.#isRecycling = false;
  }

  async #loadAll(replacement: RuntimeProcess): Promise<ReadonlySet<Resident>> {
    const loaded = new Set<Resident>();
    for (;;) {
      const missing = [...this.#residencies.values()].filter(
        ({ resident, isLoaded }) => isLoaded && !loaded.has(resident),
      );
      const [next] = missing;
      if (next === undefined) return loaded;
      await replacement.control(next.resident.loadRequest, next.resident.loadTimeoutMs);
      loaded.add(next.resident);
    }
  }

  #replace(old: RuntimeProcess | undefined, replacement: RuntimeProcess, loaded: ReadonlySet<Resident>): void {
    // Not while sessions are being loaded again in the old one: they would be missing in the new one.
    if (this.#isStopped || this.#process !== old || this.#restoring !== undefined) {
      replacement.stop();
      return;
    }
    this.#baselineBytes = 0;
    this.#generation++;
    this.#process = replacement;
    old?.stop();
    this.#options.onEvent("memory", replacement.pid, "");
    this.#options.onEvent("started", replacement.pid, "");
    for (const resident of loaded) {
      if (!this.#residencies.has(resident)) void this.#unload(resident).catch(() => {});
    }
    this.#offerAll(); // who had nothing to send ahead to the old process
    this.#dispatch();
  }

  #planTrim(): void {
    this.#lastGrantMs = this.#options.clock.now();
    this.#cancelTrim ??= this.#options.clock.after(trimAfterMs, () => this.#trim());
  }

  #trim(): void {
    this.#cancelTrim = undefined;
    const idleMs = this.#process?.isIdle === false ? 0 : this.#options.clock.now() - this.#lastGrantMs;
    if (idleMs < trimAfterMs) {
      this.#cancelTrim = this.#options.clock.after(trimAfterMs - idleMs, () => this.#trim());
    } else {
      this.#process?.trim();
    }
  }
}

function stopping(): InferenceError {
  return new InferenceError(
    "draining",
    "Server is stopping, scheduler for model has stopped accepting new inference requests",
    { retryAfterMs: stoppedRetryAfterMs },
  );
}

function crashedTooOften(retryAfterMs: number): InferenceError {
  return new InferenceError(
    "restarting",
    "the model's runtime process crashed too often and is not started again for now",
    {
      retryAfterMs,
    },
  );
}
