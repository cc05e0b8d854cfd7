import assert from "node:assert/strict";
import { it } from "node:test";
import { type Observer, ObserverList } from "../../src/runtime/observer.ts";
import { RecordingObserver } from "../support/recording-observer.ts";

/** An observer of which everything throws. */
const thrower = new Proxy({} as Required<Observer>, {
  get: () => () => {
    throw new Error("a bad observer");
  },
});

it("an observer's exception reaches neither the caller nor the other observers", () => {
  const heard: string[] = [];
  const listener = new Proxy({} as Required<Observer>, { get: (_target, name) => () => heard.push(String(name)) });
  const errors: unknown[] = [];
  const list = new ObserverList([thrower, listener], (error) => errors.push(error));
  // Every method that a complete observer has, so that one added later is covered as well.
  const methods = Object.getOwnPropertyNames(RecordingObserver.prototype).filter((name) => name.startsWith("on"));
  assert.ok(methods.length >= 7);
  for (const name of methods) (list[name as keyof Observer] as () => void)();
  assert.deepEqual(heard, methods);
  assert.equal(errors.length, methods.length);
});

it("an observer that is not interested is passed over", () => {
  const list = new ObserverList([{}], (error) => assert.fail(String(error)));
  list.onRuntimeProcess("started", 1);
  list.onModelRemoved("m", "1");
});
