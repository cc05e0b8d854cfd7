import type { InferenceClient } from "../../client/inference-client.ts";
import type { Tensor } from "../../tensor.ts";
import type { GroupValues } from "../../training/table.ts";
import { tableStart } from "../../training/table.ts";
import { type BulkJob, type BulkMessage, bulkMessages, toRequest } from "../bulk/bulk-messages.ts";

/** Rows of a table with what a model answers to them. */
export interface AnsweredRows {
  readonly rowCount: number;
  readonly inputs: readonly Tensor[];
  /** Empty: no model was asked. */
  readonly outputs: readonly Tensor[];
  /** Values of the target column; undefined: there is none. */
  readonly truth: GroupValues | undefined;
}

/** Messages without their answer at a time. */
const window = 4;

/**
 * The rows of a job's table, and the answers of the model where there is a client. Kept columns of the job: the target, or none.
 * @throws ClientError for rows that the model refuses
 */
export async function* answeredRows(
  job: BulkJob,
  client: InferenceClient | undefined,
): AsyncGenerator<AnsweredRows, void, undefined> {
  const messages = bulkMessages(job, tableStart, new AbortController().signal);
  if (client === undefined) {
    for await (const message of messages) yield rowsOf(message, []);
    return;
  }
  const pending: BulkMessage[] = [];
  const requests = async function* () {
    for await (const message of messages) {
      pending.push(message);
      yield toRequest(job, "", message);
    }
  };
  for await (const result of client.inferStream(requests(), { window })) {
    if (result.error !== undefined) throw result.error;
    const message = pending.shift();
    if (message !== undefined) yield rowsOf(message, result.response.outputs);
  }
}

function rowsOf({ rowCount, inputs, kept }: BulkMessage, outputs: readonly Tensor[]): AnsweredRows {
  return { rowCount, inputs, outputs, truth: kept[0] };
}
