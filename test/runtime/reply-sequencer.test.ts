import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { InferenceError } from "../../src/errors.ts";
import { noParameters } from "../../src/inference.ts";
import { ReplySequencer } from "../../src/runtime/reply-sequencer.ts";
import { RecordingReply } from "../support/runtime-requests.ts";

const response = { modelName: "m", modelVersion: "1", id: "", parameters: noParameters, outputs: [] };

it("lets answers leave in the order of their requests, each as soon as it can", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 20 }), (steps) => {
      const sequencer = new ReplySequencer();
      const left: number[] = [];
      const open = steps.map(([, isFailure], index) => ({
        index,
        isFailure,
        reply: sequencer.reserve(new RecordingReply(() => left.push(index))),
      }));
      const settled = new Set<number>();
      for (const [dice] of steps) {
        const [place] = open.splice(dice % open.length, 1);
        assert.ok(place !== undefined);
        if (place.isFailure) place.reply.fail(new InferenceError("runtime", ""));
        else place.reply.respond(response, true);
        settled.add(place.index);
        let expected = 0;
        while (settled.has(expected)) expected++;
        assert.deepEqual(
          left,
          Array.from({ length: expected }, (_, index) => index),
        );
      }
    }),
  );
});

it("may be given new requests by whoever hears an answer", () => {
  const sequencer = new ReplySequencer();
  const late = new RecordingReply();
  const first = sequencer.reserve(new RecordingReply(() => sequencer.reserve(late).respond(response, true)));
  first.respond(response, true);
  assert.equal(late.outcome, "ok");
});
