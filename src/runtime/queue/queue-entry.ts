import type { InferenceError } from "../../errors.ts";
import type { InferenceRequest, Reply, RequestContext } from "../../inference.ts";
import type { Tensor } from "../../tensor.ts";
import { inputBytes, noMeasure, type RequestMeasure } from "../batching/request-measure.ts";
import type { RequestRecord } from "../observer.ts";
import type { ValidRequest } from "../validator.ts";

/**
 * A request in the queue, and its whole story: where the answer goes, until when it is of use, and when it passed which stage. A request
 * with more rows than a batch is split; then each part is an entry, and `whole` is the entry that observers hear of.
 */
export class QueueEntry implements RequestRecord {
  readonly request: InferenceRequest;
  readonly context: RequestContext;
  readonly reply: Reply;
  readonly rows: number;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly shapeKey: string;
  readonly outputs: readonly number[];
  /** Bytes of the inputs: what the entry takes in the arena. */
  readonly byteLength: number;
  /** What it costs a batch beside its rows. */
  readonly measure: RequestMeasure;
  /** What observers hear of: the entry itself unless it is a part of a split request. */
  readonly whole: QueueEntry;
  /** When it is of no use any more: the caller's deadline. */
  readonly deadlineMs: number;
  /** When the queue policy's timeout passes; Infinity: never. */
  timeoutMs = Number.POSITIVE_INFINITY;
  /** Its timeout passed and the policy delays it behind all others. */
  isDelayed = false;
  /** It failed together with others and runs again without them, once. */
  isAlone = false;
  /** Runs that ended its runtime process. */
  deaths = 0;
  /** Its priority level in the queue, counted from 1. */
  level = 1;
  /** It was taken and put back, and so stands before all lines when it waits. */
  isReturned = false;
  /** By when it should run, for its place among others of its level. */
  dueMs = 0;
  /** What its tenant was charged for it, in milliseconds of the model's time; 0: nothing yet. */
  chargedMs = 0;
  /** Its neighbours in its list in the queue. */
  previous: QueueEntry | undefined;
  next: QueueEntry | undefined;

  queuedMs = 0;
  takenMs = 0;
  computeInputMs = 0;
  computeInferMs = 0;
  computeOutputMs = 0;
  endedMs = 0;
  error: InferenceError | undefined;
  attachment: unknown;
  sample = 0;

  constructor(
    request: InferenceRequest,
    context: RequestContext,
    reply: Reply,
    valid: ValidRequest,
    deadlineMs: number,
    whole?: QueueEntry,
  ) {
    this.request = request;
    this.context = context;
    this.reply = reply;
    this.rows = valid.rows;
    this.inputs = valid.inputs;
    this.shapeKey = valid.shapeKey;
    this.outputs = valid.outputs;
    this.measure = valid.measure ?? noMeasure;
    this.deadlineMs = deadlineMs;
    this.whole = whole ?? this;
    this.byteLength = inputBytes(valid.inputs);
  }

  /** A part of a split request has ended: the whole tells the times of its slowest part. */
  absorb(part: QueueEntry): void {
    if (part === this) return;
    if (part.takenMs > this.takenMs) this.takenMs = part.takenMs;
    if (part.computeInputMs > this.computeInputMs) this.computeInputMs = part.computeInputMs;
    if (part.computeInferMs > this.computeInferMs) this.computeInferMs = part.computeInferMs;
    if (part.computeOutputMs > this.computeOutputMs) this.computeOutputMs = part.computeOutputMs;
  }
}
