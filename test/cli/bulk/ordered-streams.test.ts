import assert from "node:assert/strict";
import { test } from "node:test";
import { inferInOrder } from "../../../src/cli/bulk/ordered-streams.ts";
import { ClientError } from "../../../src/client/client-error.ts";
import type { InferOptions } from "../../../src/client/infer-options.ts";
import type { StreamResult } from "../../../src/client/stream-result.ts";
import { noParameters } from "../../../src/inference.ts";

/** A client whose streams answer each in its own time: `turns` says how many turns of the event loop a stream takes for an answer. */
class FakeStreams {
  readonly asked: string[][] = [];
  readonly #turns: readonly number[];
  ended = 0;

  get streams(): number {
    return this.#turns.length;
  }

  constructor(turns: readonly number[]) {
    this.#turns = turns;
  }

  async *inferStream(
    requests: Iterable<InferOptions> | AsyncIterable<InferOptions>,
  ): AsyncGenerator<StreamResult, void, undefined> {
    const index = this.asked.length;
    const asked: string[] = [];
    this.asked.push(asked);
    try {
      for await (const { id = "" } of requests) {
        asked.push(id);
        if (id === "fail") throw new ClientError(14, "gone");
        for (let turn = 0; turn < (this.#turns[index] ?? 0); turn++)
          await new Promise((resolve) => setImmediate(resolve));
        yield {
          index: asked.length - 1,
          id,
          isFinal: true,
          response: { modelName: "m", modelVersion: "1", id, parameters: noParameters, outputs: [] },
        };
      }
    } finally {
      this.ended++;
    }
  }
}

async function* source(ids: readonly string[]): AsyncGenerator<string> {
  yield* ids;
}

const run = (client: FakeStreams, ids: readonly string[]) =>
  inferInOrder(client, source(ids), {
    streams: client.streams,
    window: 4,
    signal: new AbortController().signal,
    toRequest: (id) => ({ model: "m", id, inputs: [] }),
  });

test("answers come in the order of the messages, however fast the streams are", async () => {
  const ids = Array.from({ length: 60 }, (_, i) => String(i));
  for (const turns of [[0], [3], [0, 5], [5, 0, 1], [2, 2, 2, 2]]) {
    const client = new FakeStreams(turns);
    const answered = await Array.fromAsync(run(client, ids), ({ message, result }) => [message, result.id]);
    assert.deepEqual(
      answered,
      ids.map((id) => [id, id]),
    );
    assert.equal(client.asked.flat().length, ids.length);
    assert.equal(client.ended, turns.length);
  }
});

test("a stream that fails ends all of them, behind the answers before it", async () => {
  const client = new FakeStreams([0, 0]);
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { message } of run(client, ["0", "1", "2", "fail", "4"])) seen.push(message);
    },
    { status: "UNAVAILABLE" },
  );
  assert.deepEqual(seen, ["0", "1", "2"]);
  assert.equal(client.ended, 2);
});

test("no message, no answer", async () => {
  assert.deepEqual(await Array.fromAsync(run(new FakeStreams([0, 0]), [])), []);
});
