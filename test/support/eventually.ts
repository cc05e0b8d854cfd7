import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

/** Asks again every few milliseconds until the answer is yes; fails after ten seconds. For what another process or a timer brings about. */
export async function eventuallyTrue(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) assert.fail(`not within ten seconds: ${what}`);
    await setTimeout(10);
  }
}
