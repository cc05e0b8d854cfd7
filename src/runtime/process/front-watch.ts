import { isMainThread, Worker, workerData } from "node:worker_threads";

/** How often the runtime process looks whether its front process still lives. */
const lookEveryMs = 1_000;

/**
 * Ends this process within seconds once the process that started it is gone, also in the middle of a run. The main thread hears of it when
 * the frames end, but not while ONNX Runtime keeps it in a run, which may never end; so a thread of its own looks. Costs about 17 MB.
 */
export function watchFront(): void {
  new Worker(new URL(import.meta.url), { workerData: process.ppid }).unref();
}

if (!isMainThread) {
  setInterval(() => {
    if (process.ppid !== workerData) process.kill(process.pid, "SIGKILL");
  }, lookEveryMs);
}
