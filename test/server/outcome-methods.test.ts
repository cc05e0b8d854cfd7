import assert from "node:assert/strict";
import { test } from "node:test";
import { maxOutcomeBytes, type Outcome } from "../../src/outcome.ts";
import { encodeReport } from "../../src/protocol/outcome-messages.ts";
import { decodeReportResults } from "../../src/protocol/outcome-results.ts";
import { Admission } from "../../src/server/admission.ts";
import type { Call, CallListener } from "../../src/server/call.ts";
import { outcomeHandlers } from "../../src/server/outcome-methods.ts";
import { TurnBudget } from "../../src/server/turn-budget.ts";
import { RecordingLog } from "../support/grpc-harness.ts";
import { OutcomeSubject } from "../support/outcome-subject.ts";

/** Counts the pieces of work between which the event loop may turn. */
class CountingTurns extends TurnBudget {
  count = 0;
  override async done(work: () => void): Promise<void> {
    this.count++;
    await super.done(work);
  }
}

/** @returns how many results a report has, and in how many pieces they were worked out */
async function report(outcomes: readonly Outcome[]): Promise<readonly [results: number, pieces: number]> {
  const turns = new CountingTurns();
  const surroundings = {
    intake: new OutcomeSubject().intake,
    admission: new Admission(2 ** 30),
    turns,
    streamWindow: 1,
    logInternal: () => {},
  };
  const written = await new Promise<Buffer>((resolve, reject) => {
    const call: Pick<Call<Buffer>, "isOpen" | "read" | "write" | "end"> = {
      isOpen: true,
      read: () => {},
      write: resolve,
      end: ({ details }) => reject(new Error(details)),
    };
    const handlers = outcomeHandlers(surroundings, new RecordingLog());
    const listener = handlers.ReportOutcomes(call as Call<Buffer>) as CallListener<Buffer>; // what a report uses of a call
    listener.onMessage(encodeReport(outcomes));
    listener.onHalfClose();
  });
  return [decodeReportResults(written).length, turns.count];
}

test("a report is taken in pieces of some outcomes, and of few when they are large", async () => {
  const small = Array.from({ length: 640 }, (): Outcome => ({ predictionId: "a", classIndex: 1 }));
  assert.deepEqual(await report(small), [640, 11]);
  const large = Array.from({ length: 64 }, (): Outcome => ({ predictionToken: Buffer.alloc(maxOutcomeBytes - 10) }));
  assert.deepEqual(await report(large), [64, 65]);
});
