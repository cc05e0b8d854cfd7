import type { ServeConfig } from "./config.ts";
import type { ModelDescription } from "./runtime/model.ts";

/** A server that answers. */
export interface RunningServer {
  /** Bound gRPC address, `127.0.0.1:8001`. */
  readonly grpcAddress: string;
  /** Bound address of the HTTP side port. */
  readonly httpAddress: string;
  /** Resolves once every start-up model is ready or has failed; the list names the failed ones with their reason. */
  readonly started: Promise<readonly { readonly name: string; readonly version: string; readonly reason: string }[]>;
  /** The model versions that are ready now, for the line that `sluice serve` prints; ordered by name, then version. */
  models(): readonly ModelDescription[];
  /** Stops in the order of docs/architecture.md within the exit timeout; resolves to whether all calls ended by themselves. */
  stop(): Promise<boolean>;
}

/**
 * Starts a server over a Triton model repository, a folder of .onnx files or one .onnx file.
 * @throws InferenceError when the path, an address or an option cannot be used.
 */
export async function startServer(_path: string, _config: ServeConfig): Promise<RunningServer> {
  throw new Error("composition root under construction");
}
