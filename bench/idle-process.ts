import { monitorEventLoopDelay } from "node:perf_hooks";
import { answerParent } from "./child.ts";

/** The limit of an event loop: a Node process that does nothing, and is late only as far as the machine is busy. */
const resolutionMs = 10;

const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();

/** Asked anything: the 99th percentile of its delay since it was last asked, milliseconds. */
answerParent(async (): Promise<{ p99Ms: number }> => {
  const p99Ms = Math.max(0, delay.percentile(99) / 1e6 - resolutionMs); // a sample is the time between two turns of the timer
  delay.reset();
  return { p99Ms };
});
