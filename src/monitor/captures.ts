import { InferenceError } from "../errors.ts";
import type { ReferenceProfile } from "../model/package-messages.ts";
import { ReferenceCapture } from "./evaluate/reference-capture.ts";
import type { ModelMonitor } from "./model-monitor.ts";
import type { ModelMonitors } from "./model-monitors.ts";

/** How often a capture looks whether its model is still served. */
const lookMs = 1000;

/** Makes reference profiles out of live traffic, one at a time: their sketches take memory. */
export class Captures {
  readonly #monitors: ModelMonitors;
  #isRunning = false;

  constructor(monitors: ModelMonitors) {
    this.#monitors = monitors;
  }

  /**
   * Waits for so many sampled rows of a model and gives their profile.
   * @param version empty: the highest that is ready
   * @param signal ends the capture
   * @throws InferenceError "not_found", "invalid", "unsupported", "shed" while another one runs, "cancelled", "draining" when the version goes
   */
  async capture(name: string, version: string, rowCount: number, signal: AbortSignal): Promise<ReferenceProfile> {
    const monitor = this.#find(name, version);
    const { config, description, signals, task, clock } = monitor.context;
    if (config.quality.maxRowsPerSecond === 0) {
      throw new InferenceError(
        "unsupported",
        "quality.maxRowsPerSecond is 0 in the model's monitor.yaml: no rows are looked at",
      );
    }
    const capture = new ReferenceCapture({
      modelName: description.name,
      signals: signals.signals,
      labels: task?.labels ?? [],
      scoresOutput: task?.scoresOutput,
      rowCount,
    });
    if (this.#isRunning) throw new InferenceError("shed", "another capture is under way, and there is room for one");
    this.#isRunning = true;
    try {
      await this.#fill(capture, monitor, signal);
      return await capture.finish(clock.nowMs(), () => new Promise((resolve) => clock.soon(resolve)));
    } finally {
      this.#isRunning = false;
    }
  }

  /** Resolves when the capture has its rows. */
  async #fill(capture: ReferenceCapture, monitor: ModelMonitor, signal: AbortSignal): Promise<void> {
    const { clock, description } = monitor.context;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stopListening = monitor.listenToRows((rows) => {
      if (capture.isComplete) return;
      capture.add(rows);
      if (capture.isComplete) resolve();
    });
    const cancel = () => reject(new InferenceError("cancelled", "the caller went away"));
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    let cancelLook = () => {};
    const look = () => {
      if (this.#monitors.monitors().includes(monitor)) cancelLook = clock.after(lookMs, look);
      else reject(new InferenceError("draining", `model '${description.name}' was unloaded or replaced meanwhile`));
    };
    look();
    try {
      await promise;
    } finally {
      stopListening();
      cancelLook();
      signal.removeEventListener("abort", cancel);
    }
  }

  #find(name: string, version: string): ModelMonitor {
    const versions = this.#monitors.monitors().filter(({ description }) => description.name === name);
    const ready = versions.filter(({ state }) => state === "READY");
    const found = version === "" ? ready.at(-1) : versions.find(({ description }) => description.version === version);
    if (found !== undefined) return found;
    const what =
      version === "" ? `no version of model '${name}' is ready` : `model '${name}' version ${version} is not loaded`;
    throw new InferenceError("not_found", what);
  }
}
