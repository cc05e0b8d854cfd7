import { InferenceError, toInferenceError } from "../errors.ts";
import type { OutcomeIntake } from "../monitor/outcomes/outcome-intake.ts";
import type { OutcomeResult } from "../outcome.ts";
import { decodeOutcome, outcomeOfStream } from "../protocol/outcome-messages.ts";
import { encodeStreamResult } from "../protocol/outcome-results.ts";
import { type Admission, drainingError } from "./admission.ts";
import { type Call, type CallListener, errorStatus, okStatus } from "./call.ts";
import { itemCounts } from "./stream-dialect.ts";
import type { TurnBudget } from "./turn-budget.ts";

/** What both ways of reporting outcomes work with. */
export interface OutcomeSurroundings {
  readonly intake: OutcomeIntake;
  readonly admission: Admission;
  readonly turns: TurnBudget;
  /** Results of one stream that its reader has not taken, after which nothing more is read. */
  readonly streamWindow: number;
  /** Logs an error that is a bug of our own, with its cause; others are the caller's to know. */
  logInternal(error: InferenceError, method: string): void;
}

/**
 * One StreamOutcomes call: a result for each outcome, in order. A message is read when the one before has its result and fewer results than the
 * window wait for the reader, so a reader that takes nothing stops the sender, and nothing gathers here.
 */
export class OutcomeStream implements CallListener<Buffer> {
  readonly #call: Call<Buffer>;
  readonly #surroundings: OutcomeSurroundings;
  #received = 0;
  #answered = 0;
  #accepted = 0;
  #isReading = false;
  #isTaking = false;
  #isHalfClosed = false;

  constructor(call: Call<Buffer>, surroundings: OutcomeSurroundings) {
    this.#call = call;
    this.#surroundings = surroundings;
    this.#read();
  }

  get isIdle(): boolean {
    return !this.#isTaking && this.#accepted === this.#answered;
  }

  get trailers(): Readonly<Record<string, string>> {
    return itemCounts(this.#received, this.#answered);
  }

  onMessage(bytes: Buffer): void {
    this.#isReading = false;
    if (this.#surroundings.admission.isDraining) {
      this.#call.end(errorStatus(drainingError()));
      return;
    }
    const outcome = outcomeOfStream(bytes);
    this.#received++;
    this.#isTaking = true;
    this.#surroundings.turns.run(() => this.#take(outcome));
  }

  onHalfClose(): void {
    this.#isHalfClosed = true;
    this.#endIfDone();
  }

  onClosed(): void {}

  #take(bytes: Buffer): void {
    this.#isTaking = false;
    if (!this.#call.isOpen) return;
    try {
      const result = takeOutcome(this.#surroundings.intake, bytes);
      this.#call.write(encodeStreamResult(this.#answered++, result), this.#onAccepted);
    } catch (error) {
      this.#fail(toInferenceError(error)); // nobody above catches what a later turn throws
      return;
    }
    this.#endIfDone();
    this.#read();
  }

  #fail(error: InferenceError): void {
    this.#surroundings.logInternal(error, this.#call.method);
    this.#call.end(errorStatus(error));
  }

  readonly #onAccepted = (): void => {
    this.#accepted++;
    this.#read();
  };

  #read(): void {
    if (this.#isReading || this.#isTaking || this.#isHalfClosed || !this.#call.isOpen) return;
    if (this.#answered - this.#accepted >= this.#surroundings.streamWindow) return;
    this.#isReading = true;
    this.#call.read();
  }

  #endIfDone(): void {
    if (this.#isHalfClosed && !this.#isTaking) this.#call.end(okStatus);
  }
}

/** The result of an outcome that is still encoded; bytes that are none have theirs too. */
export function takeOutcome(intake: OutcomeIntake, bytes: Buffer): OutcomeResult {
  try {
    return intake.take(decodeOutcome(bytes));
  } catch (error) {
    if (error instanceof InferenceError && error.reason === "invalid") return intake.refuse(error.message);
    throw error;
  }
}
