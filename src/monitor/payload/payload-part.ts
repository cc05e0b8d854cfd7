import type { InferenceResponse } from "../../inference.ts";
import { predictionIdParameter } from "../../outcome.ts";
import type { RequestRecord } from "../../runtime/observer.ts";
import { checkRedaction } from "../config/payload-log.ts";
import type { ModelPart, ModelPartContext } from "../model-part.ts";
import type { ModelReportDraft } from "../monitor-report.ts";
import { instruments } from "../telemetry/instruments.ts";
import { captureOutputs, captureRequest, finishRecord, type PayloadCapture } from "./payload-capture.ts";
import type { PayloadLogs } from "./payload-logs.ts";
import { PayloadSampler } from "./payload-sampler.ts";
import type { PayloadWriter } from "./payload-writer.ts";

/** For the count of what it drops. */
const monitorName = "payload_log";

/**
 * The payload log of a model version as a part of its monitor; undefined: it has none.
 * @throws InferenceError "refused" when what is to be redacted does not exist
 */
export function createPayloadPart(context: ModelPartContext): ModelPart | undefined {
  const { config, description, payloadLogs } = context;
  if (config.payloadLog.share === 0) return undefined;
  checkRedaction(config.payloadLog.redaction, description.signature);
  if (payloadLogs === undefined) {
    const { name: model, version } = description;
    context.report("warn", "monitor.yaml asks for a payload log, but --payload-log-folder is not set", {
      model,
      version,
    });
    return undefined;
  }
  return new PayloadPart(context, payloadLogs);
}

/** Copies what is recorded of chosen requests when they are admitted, and hands it to the writer when they end. */
class PayloadPart implements ModelPart {
  readonly name = monitorName;
  readonly #context: ModelPartContext;
  readonly #logs: PayloadLogs;
  readonly #sampler: PayloadSampler;
  readonly #isBatched: boolean;
  /** Made by the first record, so that a version that never serves leaves no trace. */
  #writer: PayloadWriter | undefined;
  /** Chosen requests under way. */
  readonly #captures = new Map<RequestRecord, PayloadCapture>();
  #isClosed = false;

  constructor(context: ModelPartContext, logs: PayloadLogs) {
    const { share, maxPerSecond } = context.config.payloadLog;
    this.#context = context;
    this.#logs = logs;
    this.#sampler = new PayloadSampler(share, maxPerSecond);
    this.#isBatched = context.description.signature.maxBatchSize > 0;
  }

  /** A version that was replaced may go on with what it has begun: its log has ended. */
  onAdmitted(record: RequestRecord): void {
    if (this.#isClosed) return;
    const id = record.request.parameters.get(predictionIdParameter);
    if (!this.#sampler.choose(typeof id === "string" ? id : "", record.context.arrivalTimeMs)) return;
    const capture = captureRequest(record, this.#context.config.payloadLog, this.#isBatched);
    if (this.#logs.memory.take(capture.bytes)) this.#captures.set(record, capture);
    else this.#context.drop(monitorName, "queue_full");
  }

  onAnswer(record: RequestRecord, response: InferenceResponse): void {
    if (this.#captures.size > 0) this.#finish(record, response);
  }

  onFailure(record: RequestRecord): void {
    if (this.#captures.size > 0) this.#finish(record, undefined);
  }

  #finish(record: RequestRecord, response: InferenceResponse | undefined): void {
    const capture = this.#captures.get(record);
    if (capture === undefined) return;
    this.#captures.delete(record);
    const { description, clock, config } = this.#context;
    const outputs = response && captureOutputs(response, capture, config.payloadLog, this.#isBatched);
    const written = finishRecord(capture, record, description, outputs, {
      atMs: clock.epochMsOf(record.context.arrivalTimeMs),
      config: config.payloadLog,
    });
    if (this.#logs.memory.take(written.bytes - capture.bytes)) this.#openWriter().push(written);
    else {
      this.#logs.memory.give(capture.bytes);
      this.#context.drop(monitorName, "queue_full");
    }
  }

  #openWriter(): PayloadWriter {
    if (this.#writer !== undefined) return this.#writer;
    const { description, config, series } = this.#context;
    const records = series.counter(instruments.payloadRecords);
    const bytes = series.counter(instruments.payloadBytes);
    const { maxFileBytes, maxFileSeconds, maxTotalBytes } = config.payloadLog;
    const { name, version } = description;
    this.#writer = this.#logs.open({
      modelName: name,
      modelVersion: version,
      limits: { maxFileBytes, maxFileMs: maxFileSeconds * 1000, maxTotalBytes },
      onWritten: (writtenRecords, writtenBytes) => {
        records.add(writtenRecords);
        bytes.add(writtenBytes);
      },
      onDropped: (reason, count) => this.#context.drop(monitorName, reason, count),
      report: (level, message, fields) => this.#context.report(level, message, { model: name, version, ...fields }),
    });
    return this.#writer;
  }

  report(_into: ModelReportDraft): void {}

  close(): void {
    this.#isClosed = true;
    for (const { bytes } of this.#captures.values()) this.#logs.memory.give(bytes);
    if (this.#captures.size > 0) this.#context.drop(monitorName, "stopped", this.#captures.size);
    this.#captures.clear();
    if (this.#writer !== undefined) this.#logs.close(this.#writer);
  }
}
