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

/** As {@link eventuallyTrue}, for checks that throw; fails with what the last one threw. */
export async function eventually(check: () => void | Promise<void>): Promise<void> {
  let failure: unknown;
  const holds = async () => {
    try {
      await check();
      return true;
    } catch (error) {
      failure = error;
      return false;
    }
  };
  await eventuallyTrue("the check", holds).catch(() => {
    throw failure;
  });
}
