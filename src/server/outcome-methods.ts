import type { OutcomeIntake } from "../monitor/outcomes/outcome-intake.ts";
import type { OutcomeResult } from "../outcome.ts";
import { splitReport } from "../protocol/outcome-messages.ts";
import { ReportResponseWriter } from "../protocol/outcome-results.ts";
import { drainingError, shedError } from "./admission.ts";
import type { AnyCallHandler, Call } from "./call.ts";
import type { Log } from "./log.ts";
import { OutcomeStream, type OutcomeSurroundings, takeOutcome } from "./outcome-stream.ts";
import { unaryMethod } from "./unary-method.ts";

/** Outcomes of a report that are taken before the event loop may turn, and their bytes: a fraction of a millisecond. */
const sliceOutcomes = 64;
const sliceBytes = 32 * 1024;

/** Who answers the two methods that take outcomes. */
export type OutcomeHandlers = Readonly<Record<"ReportOutcomes" | "StreamOutcomes", AnyCallHandler>>;

/** The handlers of the two methods that take outcomes. Predictions never wait for them. */
export function outcomeHandlers(surroundings: OutcomeSurroundings, log: Log): OutcomeHandlers {
  return {
    ReportOutcomes: unaryMethod<Buffer, Buffer>((bytes, call) => report(bytes, call, surroundings), log),
    StreamOutcomes: (call: Call<Buffer>) => new OutcomeStream(call, surroundings),
  };
}

/** Takes the outcomes of a report in slices, so that neither their decoding nor their joining holds up anybody. */
async function report(bytes: Buffer, call: Call<Buffer>, surroundings: OutcomeSurroundings): Promise<Buffer> {
  const { admission, intake, turns } = surroundings;
  if (admission.isDraining) throw drainingError();
  if (!admission.budget.tryAcquire(bytes.length)) throw shedError();
  try {
    const outcomes = splitReport(bytes);
    const response = new ReportResponseWriter();
    let isComplete = false;
    while (!isComplete && call.isOpen) {
      await turns.done(() => {
        isComplete = takeSlice(outcomes, intake, response);
      });
    }
    return response.end();
  } finally {
    admission.budget.release(bytes.length);
  }
}

/** Takes some outcomes. @returns whether there are no more */
function takeSlice(
  outcomes: Iterator<Buffer, undefined>,
  intake: OutcomeIntake,
  response: ReportResponseWriter,
): boolean {
  const results: OutcomeResult[] = [];
  let bytes = 0;
  let next = outcomes.next();
  for (; next.done !== true; next = outcomes.next()) {
    results.push(takeOutcome(intake, next.value));
    bytes += next.value.length;
    if (results.length === sliceOutcomes || bytes >= sliceBytes) break;
  }
  response.add(results);
  return next.done === true;
}
