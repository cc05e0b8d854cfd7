import { type InferenceError, toInferenceError } from "../errors.ts";
import type { InferenceResponse, Reply } from "../inference.ts";
import type { Tensor } from "../tensor.ts";
import type { Measurer } from "./batching/request-measure.ts";
import { joinRows, RowIndex, sliceRows } from "./batching/rows.ts";
import { QueueEntry } from "./queue/queue-entry.ts";

/**
 * Cuts a request of more rows than a batch takes into parts of at most `maxRows`, whose answers are put together again and given to
 * `reply`: one answer, whatever became of the parts in between. The first failure of a part fails the whole.
 * @param measurer measures each part; absent: parts have no measure
 */
export function splitRequest(
  whole: QueueEntry,
  maxRows: number,
  reply: Reply,
  measurer?: Measurer,
): readonly QueueEntry[] {
  const indexes = whole.inputs.map((input) =>
    input === undefined ? undefined : new RowIndex(input.datatype, input.shape, () => input.data),
  );
  const count = Math.ceil(whole.rows / maxRows);
  const joiner = new Joiner(reply, count);
  return Array.from({ length: count }, (_, part) => {
    const start = part * maxRows;
    const rows = Math.min(maxRows, whole.rows - start);
    const inputs = whole.inputs.map((input, i) => {
      const index = indexes[i];
      return input === undefined || index === undefined ? undefined : sliceRows(input, start, rows, index);
    });
    const unmeasured = { inputs, rows, shapeKey: whole.shapeKey, outputs: whole.outputs };
    const valid = measurer === undefined ? unmeasured : { ...unmeasured, measure: measurer.measure(inputs, rows) };
    return new QueueEntry(whole.request, whole.context, joiner.part(part), valid, whole.deadlineMs, whole);
  });
}

class Joiner {
  readonly #reply: Reply;
  readonly #parts: (InferenceResponse | undefined)[];
  #missing: number;
  #isFailed = false;

  constructor(reply: Reply, count: number) {
    this.#reply = reply;
    this.#parts = new Array<InferenceResponse | undefined>(count).fill(undefined);
    this.#missing = count;
  }

  part(index: number): Reply {
    return {
      respond: (response) => this.#respond(index, response),
      fail: (error) => this.#fail(error),
    };
  }

  #respond(index: number, response: InferenceResponse): void {
    this.#parts[index] = response;
    if (--this.#missing > 0 || this.#isFailed) return;
    let joined: InferenceResponse;
    try {
      joined = this.#join(response);
    } catch (error) {
      this.#fail(toInferenceError(error));
      return;
    }
    this.#reply.respond(joined, true);
  }

  #join(example: InferenceResponse): InferenceResponse {
    const outputs = example.outputs.map((_, index) =>
      joinRows(this.#parts.map((part) => part?.outputs[index] as Tensor)),
    ); // none is missing
    return { ...example, outputs };
  }

  #fail(error: InferenceError): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    this.#reply.fail(error);
  }
}
