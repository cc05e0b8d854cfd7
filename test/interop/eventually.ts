import { setTimeout as sleep } from "node:timers/promises";

/** How long another program may take until what is waited for is true, and how often it is looked at; milliseconds. */
const limitMs = 30_000;
const pauseMs = 100;

/**
 * Waits for something in another process, which no injected clock reaches. Errors of `isTrue` count as not yet.
 * @throws Error that says what did not come true.
 */
export async function eventually(what: string | (() => string), isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await isTrue()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(pauseMs);
  }
  throw new Error(`not within ${limitMs} ms: ${typeof what === "string" ? what : what()}`, { cause: last });
}
