/** The public names of sluice: a client for other services, and the server for those who start it from their own code. */
export { ClientError } from "./client/client-error.ts";
export type { ClientOptions, TlsOptions } from "./client/client-options.ts";
export { type CallOptions, type InferOptions, predictionIdOf, predictionTokensOf } from "./client/infer-options.ts";
export type { StreamOptions } from "./client/infer-stream.ts";
export { InferenceClient } from "./client/inference-client.ts";
export type {
  ModelConfiguration,
  ModelIndexEntry,
  ModelMetadata,
  ModelStatistics,
  ServerMetadata,
  StatisticDuration,
  TensorMetadata,
} from "./client/model-metadata.ts";
export type { ModelReportMessage, MonitorReportMessage } from "./client/monitor-report.ts";
export type { StreamedOutcomeResult } from "./client/outcome-stream.ts";
export type { StreamResume, StreamSummary } from "./client/stream-parts.ts";
export type { StreamResult } from "./client/stream-result.ts";
export {
  createTensor,
  readStrings,
  readTensor,
  type TensorElement,
  type TensorValues,
} from "./client/tensor-values.ts";
export { configFromEnvironment, resolveConfig, type ServeConfig } from "./config.ts";
export { InferenceError, type InferenceErrorOptions, type Reason } from "./errors.ts";
export type { InferenceResponse, Parameters, ParameterValue } from "./inference.ts";
export type { Outcome, OutcomeResult, OutcomeStatus } from "./outcome.ts";
export { type RunningServer, startServer } from "./serve.ts";
export { type Datatype, datatypes, type Tensor } from "./tensor.ts";
