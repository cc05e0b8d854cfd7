import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ControlRequest } from "../../../src/runtime/process/load-protocol.ts";
import type { RuntimeProcess } from "../../../src/runtime/process/runtime-process.ts";
import { transferStates } from "../../../src/runtime/sequence/state-transfer.ts";

/** A process that keeps states by slot and takes so many bytes at a time. */
class StateKeeper {
  readonly states = new Map<number, string>();
  readonly room: number;
  exchanges = 0;

  constructor(room = 1_000) {
    this.room = room;
  }

  get end() {
    return { process: this as unknown as RuntimeProcess, sessionId: 1 }; // exchange alone is called
  }

  async exchange(request: ControlRequest, input: readonly Uint8Array[]): Promise<{ value: unknown; bytes: Buffer }> {
    this.exchanges++;
    if (request.operation === "save-states") {
      const saved: string[] = [];
      for (const slot of request.slots) {
        const state = this.states.get(slot) ?? "";
        if (saved.join("").length + state.length > this.room) break;
        saved.push(state);
      }
      return { value: { lengths: saved.map(({ length }) => length) }, bytes: Buffer.from(saved.join("")) };
    }
    assert.ok(request.operation === "load-states");
    let text = Buffer.concat(input).toString();
    const stateShapes = request.slots.map((slot, i) => {
      const length = request.lengths[i] ?? 0;
      this.states.set(slot, text.slice(0, length));
      text = text.slice(length);
      return length;
    });
    return { value: { stateShapes }, bytes: Buffer.alloc(0) };
  }
}

describe("transferStates", () => {
  it("moves each state into its slot, as many at a time as there is room for", async () => {
    const [source, target] = [new StateKeeper(10), new StateKeeper()];
    for (let slot = 0; slot < 200; slot++) source.states.set(slot, `${slot}`.padStart(1 + (slot % 7), "."));
    const pairs = [...source.states.keys()].map((slot) => ({ from: slot, to: 1_000 - slot }));
    const shapes = await transferStates(source.end, target.end, pairs, 1_000);
    for (const [i, { from, to }] of pairs.entries()) {
      assert.equal(target.states.get(to), source.states.get(from));
      assert.equal(shapes[i], source.states.get(from)?.length);
    }
    assert.equal(target.states.size, 200);
  });

  it("passes over what is not there or too large, and says so", async () => {
    const [source, target] = [new StateKeeper(5), new StateKeeper()];
    for (const [slot, state] of [
      [0, "abc"],
      [1, ""],
      [2, "too large"],
      [3, "d"],
    ] as const)
      source.states.set(slot, state);
    const pairs = [0, 1, 2, 3].map((slot) => ({ from: slot, to: slot }));
    assert.deepEqual(await transferStates(source.end, target.end, pairs, 1_000), [3, undefined, undefined, 1]);
    assert.deepEqual(
      [...target.states],
      [
        [0, "abc"],
        [3, "d"],
      ],
    );
  });

  it("asks for nothing when there is nothing", async () => {
    const source = new StateKeeper();
    assert.deepEqual(await transferStates(source.end, source.end, [], 1_000), []);
    assert.equal(source.exchanges, 0);
  });
});
