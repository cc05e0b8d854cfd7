import { stripTypeScriptTypes } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

/**
 * The body of a worker: takes the types out of TypeScript texts, so that a checkout needs no build. In a thread of its own, since that would hold
 * up requests, and since Node announces the function on standard error as an experiment.
 */
if (parentPort !== null) {
  const texts = workerData as readonly string[]; // what page-files.ts starts the worker with
  parentPort.postMessage(texts.map((text) => stripTypeScriptTypes(text)));
}
