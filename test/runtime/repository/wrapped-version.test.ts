import assert from "node:assert/strict";
import { it } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { WrappedVersion } from "../../../src/runtime/repository/wrapped-version.ts";
import { FakeVersion, sourceOf } from "../../support/fake-loader.ts";
import { FakeModel } from "../../support/fake-repository.ts";

const wrap = (version: FakeVersion) => new WrappedVersion(version, new FakeModel("m"));

it("passes the life of its version through", async () => {
  const inner = new FakeVersion(sourceOf("1"), 1);
  const version = wrap(inner);
  let changes = 0;
  version.onAvailability = () => changes++;
  const error = new InferenceError("loading", "for a while");
  inner.setUnavailable(error);
  assert.equal(changes, 1);
  assert.equal(version.unavailable, error);
  const drained = version.drain(error);
  inner.finish();
  await drained;
  assert.equal(inner.draining, error);
});

it("hands what a version has begun to its successor, wrapped or not", async () => {
  const before = new FakeVersion(sourceOf("1"), 1);
  const after = new FakeVersion(sourceOf("2"), 2);
  const version = wrap(after);
  await version.takeOver(wrap(before), true);
  await version.takeOver(before, false);
  assert.deepEqual(after.takenOver, ["1 replaced", "1"]);
});
