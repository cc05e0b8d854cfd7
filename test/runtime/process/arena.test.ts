import assert from "node:assert/strict";
import { fstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import type { InferenceError } from "../../../src/errors.ts";
import { Arena } from "../../../src/runtime/process/arena.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

function open(test: TestContext, maxBytes = 4096, slots = 1) {
  const folder = temporaryFolder(test);
  const arena = Arena.create(folder, maxBytes, slots);
  test.after(() => arena.close());
  return { arena, folder };
}

describe("an arena", () => {
  it("has no name that anybody could open, and only its owner may", (test) => {
    const { arena, folder } = open(test);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(fstatSync(arena.fd).mode & 0o777, 0o600);
    assert.equal(fstatSync(arena.fd).nlink, 0);
  });

  it("keeps the inputs and outputs of its slots apart", (test) => {
    const { arena } = open(test, 1000, 3);
    assert.equal(arena.slotBytes, 333);
    const starts = [0, 1, 2].flatMap((slot) => [arena.inputOffset(slot), arena.outputOffset(slot)]);
    assert.deepEqual(starts, [0, 333, 666, 999, 1332, 1665]);
  });

  it("reads what was written, in however many buffers", (test) => {
    const { arena } = open(test, 1 << 16);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), fc.nat(100), (buffers, offset) => {
        arena.write(buffers, offset);
        const whole = Buffer.concat(buffers);
        if (whole.length > 0) assert.deepEqual(arena.read(offset, whole.length), whole);
      }),
    );
  });

  it("takes more buffers than one vectored write does", (test) => {
    const { arena } = open(test, 1 << 16);
    const buffers = Array.from({ length: 2_500 }, (_, index) => Uint8Array.of(index & 255, index >> 8));
    arena.write(buffers, 10);
    assert.deepEqual(arena.read(10, 5_000), Buffer.concat(buffers));
  });

  it("gives its memory back, and can be used again", (test) => {
    const { arena } = open(test);
    arena.write([new Uint8Array(100)], 0);
    arena.trim();
    assert.equal(fstatSync(arena.fd).size, 0);
    assert.throws(() => arena.read(0, 1), { reason: "internal" });
    arena.write([Uint8Array.of(7)], 50);
    assert.equal(arena.read(50, 1)[0], 7);
  });

  it("that cannot be created names the folder for the log alone", (test) => {
    const folder = join(temporaryFolder(test), "gone");
    assert.throws(
      () => Arena.create(folder, 100, 1),
      (error: InferenceError) => {
        assert.equal(error.reason, "shed");
        assert.equal(error.message, "cannot create shared memory in the arena folder (--arena-folder)");
        return String(error.cause).includes(folder);
      },
    );
    mkdirSync(folder);
    Arena.create(folder, 100, 1).close();
  });

  it("that cannot be written to fails that batch, with a reason to come back", (test) => {
    const arena = Arena.create(temporaryFolder(test), 100, 1);
    arena.close();
    assert.throws(() => arena.write([new Uint8Array(1)], 0), { reason: "shed" });
  });
});
