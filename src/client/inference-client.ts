import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { InferenceError } from "../errors.ts";
import type { InferenceResponse } from "../inference.ts";
import { maxReportedOutcomes, type Outcome, type OutcomeResult } from "../outcome.ts";
import {
  healthService,
  inferenceService,
  monitorServiceDefinition,
  type ServiceDefinition,
} from "../protocol/definitions.ts";
import { encodeInferRequest } from "../protocol/infer-request.ts";
import { decodeInferResponse } from "../protocol/infer-response.ts";
import { decodeMonitorReport } from "../protocol/monitor-report.ts";
import { encodeReport } from "../protocol/outcome-messages.ts";
import { decodeReportResults } from "../protocol/outcome-results.ts";
import { statusCodes } from "../protocol/status.ts";
import { resolveAddresses } from "./addresses.ts";
import { ChannelSet } from "./channel.ts";
import { ClientError, cancelledByCaller, clientErrorOf } from "./client-error.ts";
import { type ClientOptions, resolveClientOptions } from "./client-options.ts";
import { deadlineAfter } from "./deadline.ts";
import { type CallOptions, type InferOptions, isSequenceRequest, toInferenceRequest } from "./infer-options.ts";
import { openInferStream, type StreamOptions } from "./infer-stream.ts";
import {
  type ModelConfiguration,
  type ModelIndexEntry,
  type ModelMetadata,
  type ModelStatistics,
  readModelConfiguration,
  readModelMetadata,
  readModelStatistics,
  readRepositoryIndex,
  readServerMetadata,
  type ServerMetadata,
} from "./model-metadata.ts";
import type { MonitorReportMessage, MonitorReportOptions } from "./monitor-report.ts";
import { reportStream, type StreamedOutcomeResult } from "./outcome-stream.ts";
import { openStream } from "./stream-connection.ts";
import { readable, type StreamResult } from "./stream-result.ts";

/**
 * A client of servers that speak the KServe v2 protocol in Triton's dialect.
 *
 * Every method throws {@link ClientError} with the server's status, or InferenceError "invalid" for arguments that cannot be sent. Calls that
 * the server refused with UNAVAILABLE are repeated as the options say, except streams and requests of a sequence.
 */
export class InferenceClient {
  readonly #options: ClientOptions;
  readonly #repeating: ChannelSet;
  /** For requests that must not run twice; connects when first used. */
  readonly #once: ChannelSet;
  readonly #service: ServiceDefinition = inferenceService();

  private constructor(addresses: readonly string[], options: ClientOptions) {
    this.#options = options;
    this.#repeating = new ChannelSet(addresses, options, true);
    this.#once = new ChannelSet(addresses, options, false);
  }

  /**
   * A client for the servers at one or several addresses: `127.0.0.1:8001`, another form that gRPC knows (`dns:///name:port`, `unix:path`),
   * an array of them, or one text with commas between. They must serve the same models. Connects with the first call. Close it when done: an
   * open connection keeps the process alive.
   * @throws InferenceError "invalid" for an unusable address or option.
   */
  static connect(addresses: string | readonly string[], options: Partial<ClientOptions> = {}): InferenceClient {
    return new InferenceClient(resolveAddresses(addresses), resolveClientOptions(options));
  }

  /** One question, one answer; its outputs are read with `readTensor`. */
  async infer(options: InferOptions & CallOptions): Promise<InferenceResponse> {
    const request = toInferenceRequest(options);
    const channels = isSequenceRequest(request.parameters) ? this.#once : this.#repeating;
    const answer = await this.#call(channels, this.#service, "ModelInfer", encodeInferRequest(request), options);
    return readable(() => decodeInferResponse(answer as Buffer)); // the definition passes the received bytes through
  }

  /**
   * Many questions on one stream, each with its own id. Answers come in the order of the questions (those of decoupled models as produced), and
   * exactly one for each question; one that fails is a result with `error`, and the stream goes on. Questions are drawn no faster than answers
   * are taken. Leaving the loop early cancels the stream.
   *
   * When its server is lost, the stream goes on with the next one that can be reached (the same one, restarted, if there is no other): what has
   * no answer is sent again, for as long as `resumeAttempts` and `resumeTimeoutMs` say. A question that a server refuses with a time after
   * which to try again is sent again then, `itemAttempts` times in all. Streams with requests of a sequence or answers of a decoupled model are not
   * resumed: they end with an error that says so. Questions to decoupled models should have the parameter `triton_enable_empty_final_response`
   * set to true: one whose last answer is not told, since there is none or Triton has sent it already, keeps its place in the window.
   * @throws InferenceError "invalid" for a window out of its range; everything else comes from the generator.
   */
  inferStream(
    requests: Iterable<InferOptions> | AsyncIterable<InferOptions>,
    options: StreamOptions = {},
  ): AsyncGenerator<StreamResult, void, undefined> {
    return openInferStream(requests, options, {
      options: this.#options,
      metadata: this.#metadata(),
      nextChannel: () => this.#once.next(),
    });
  }

  /**
   * Tells the truth about earlier predictions. One result for each outcome, in order: one that does not count says why, and never fails the
   * others. More than 10,000 are sent in several calls, one after the other. Reporting by id again is
   * safe: what counted already is a duplicate. So is reporting by token, to the same server, as long as it remembers them (the last 65,536 of a
   * model version).
   */
  async reportOutcomes(outcomes: readonly Outcome[], options: CallOptions = {}): Promise<readonly OutcomeResult[]> {
    const results: OutcomeResult[] = [];
    for (let start = 0; start < outcomes.length; start += maxReportedOutcomes) {
      const part = outcomes.slice(start, start + maxReportedOutcomes);
      const service = monitorServiceDefinition();
      const answer = await this.#call(this.#repeating, service, "ReportOutcomes", encodeReport(part), options);
      results.push(...readable(() => decodeReportResults(answer as Buffer))); // the definition passes the received bytes through
    }
    if (results.length === outcomes.length) return results;
    const text = `the server gave ${results.length} results for ${outcomes.length} outcomes`;
    throw new ClientError(statusCodes.INTERNAL, text);
  }

  /**
   * The same as a stream, for outcomes without end: the result of each as it comes, in order. Outcomes are drawn no faster than results are
   * taken, at most `streamWindow` ahead. It ends well only when every outcome has its result; a stream that loses its server throws, and the
   * outcomes without a result may be reported again. Leaving the loop early cancels it.
   */
  streamOutcomes(
    outcomes: Iterable<Outcome> | AsyncIterable<Outcome>,
    options: CallOptions = {},
  ): AsyncGenerator<StreamedOutcomeResult, void, undefined> {
    const { path } = methodOf(monitorServiceDefinition(), "StreamOutcomes");
    const { deadlineMs, signal } = options;
    return reportStream(outcomes, {
      connect: (listener) => {
        const deadline = deadlineMs === undefined ? undefined : deadlineAfter(deadlineMs);
        return openStream(this.#once.next(), { metadata: this.#metadata(), deadline, path }, listener);
      },
      window: this.#options.streamWindow,
      signal,
    });
  }

  /**
   * What the server's monitor knows of a model (empty: of all) and a version (empty: of all): the message MonitorReport with the field names of
   * its .proto, counts as numbers.
   */
  async monitorReport(model = "", version = "", options: MonitorReportOptions = {}): Promise<MonitorReportMessage> {
    const service = reportsAsBytes(monitorServiceDefinition());
    const message = { model_name: model, model_version: version, summary: options.summary ?? false };
    const answer = await this.#call(this.#repeating, service, "GetMonitorReport", message, options);
    return readable(() => decodeMonitorReport(answer as Buffer)) as MonitorReportMessage; // as the .proto has it
  }

  /** Name, version and extensions of the server. */
  async serverMetadata(options: CallOptions = {}): Promise<ServerMetadata> {
    return readServerMetadata(await this.#control("ServerMetadata", {}, options));
  }

  /** Inputs and outputs of a model. */
  async metadata(model: string, version = "", options: CallOptions = {}): Promise<ModelMetadata> {
    return readModelMetadata(await this.#control("ModelMetadata", { name: model, version }, options));
  }

  /** The configuration in force, completed from the model file. */
  async configuration(model: string, version = "", options: CallOptions = {}): Promise<ModelConfiguration> {
    return readModelConfiguration(await this.#control("ModelConfig", { name: model, version }, options));
  }

  /** Counters of one version, of all ready versions (version empty), or of all models (both empty). */
  async statistics(model = "", version = "", options: CallOptions = {}): Promise<readonly ModelStatistics[]> {
    return readModelStatistics(await this.#control("ModelStatistics", { name: model, version }, options));
  }

  /** The models of the server's repository. */
  async repositoryIndex(options: CallOptions = {}): Promise<readonly ModelIndexEntry[]> {
    return readRepositoryIndex(await this.#control("RepositoryIndex", {}, options));
  }

  /** Whether the server takes requests; with a model's name, whether that model (any version when empty) does. */
  async ready(model = "", version = "", options: CallOptions = {}): Promise<boolean> {
    const answer =
      model === ""
        ? await this.#control("ServerReady", {}, options)
        : await this.#control("ModelReady", { name: model, version }, options);
    return (answer as { readonly ready: boolean }).ready; // both answers have this one field
  }

  /** The standard health check; the service empty: the server. @throws ClientError NOT_FOUND for an unknown service. */
  async health(service = "", options: CallOptions = {}): Promise<string> {
    const answer = await this.#call(this.#repeating, healthService(), "Check", { service }, options);
    return (answer as { readonly status: string }).status; // HealthCheckResponse's one field
  }

  /** Loads or reloads a model; resolves when it serves. Needs `--model-control explicit`. */
  async load(model: string, options: CallOptions = {}): Promise<void> {
    await this.#control("RepositoryModelLoad", { model_name: model }, options);
  }

  /** Unloads a model. Needs `--model-control explicit`. */
  async unload(model: string, options: CallOptions = {}): Promise<void> {
    await this.#control("RepositoryModelUnload", { model_name: model }, options);
  }

  /**
   * Ends the connections as soon as nothing runs on them: running calls and streams go on, calls that wait for a connection end with
   * UNAVAILABLE. A new call, and a stream that loses its server, ends with CANCELLED.
   */
  close(): void {
    this.#repeating.close();
    this.#once.close();
  }

  async #control(method: string, message: object, options: CallOptions): Promise<object> {
    return await this.#call(this.#repeating, this.#service, method, message, options);
  }

  #call(
    channels: ChannelSet,
    service: ServiceDefinition,
    method: string,
    message: object,
    options: CallOptions,
  ): Promise<object> {
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    return new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted === true) return reject(cancelledByCaller());
      const client = channels.next();
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        this.#metadata(),
        { deadline: deadlineAfter(options.deadlineMs ?? this.#options.deadlineMs) },
        (error: ServiceError | null, answer?: object) => {
          signal?.removeEventListener("abort", cancel);
          if (error === null && answer !== undefined) resolve(answer);
          else if (error !== null) reject(clientErrorOf(error));
          else reject(new ClientError(statusCodes.INTERNAL, "the server ended the call without an answer"));
        },
      );
      const cancel = () => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(this.#options.metadata)) metadata.set(key, value);
    return metadata;
  }
}

/** The definition with reports as the bytes that came, whose counts are read as numbers. */
function reportsAsBytes(service: ServiceDefinition): ServiceDefinition {
  const method = methodOf(service, "GetMonitorReport");
  return { ...service, GetMonitorReport: { ...method, responseDeserialize: (bytes: Buffer) => bytes } };
}

function methodOf(service: ServiceDefinition, method: string): ServiceDefinition[string] {
  const definition = service[method];
  if (definition === undefined) throw new InferenceError("internal", `no method ${method}`);
  return definition;
}
