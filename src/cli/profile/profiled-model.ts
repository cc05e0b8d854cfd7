import { statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { InferenceClient } from "../../client/inference-client.ts";
import type { ModelMetadata } from "../../client/model-metadata.ts";
import { resolveConfig } from "../../config.ts";
import { startServer } from "../../serve.ts";
import { UsageError } from "../arguments.ts";
import { findModelFile } from "../model-file.ts";

/** A model that answers the rows of a profile. */
export interface ProfiledModelAccess {
  readonly client: InferenceClient;
  /** Empty: a lone file, which gets its name where it is put. */
  readonly name: string;
  readonly metadata: ModelMetadata;
  /** Class labels of each output that the model or its label files give; nothing is known of those of a server elsewhere. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** Rows of a message that the server takes. */
  readonly maxRows: number;
  close(): Promise<void>;
}

/** `host:port/model`. */
const addressPattern = /^(.+:\d+)\/([^/]+)$/;

/**
 * Reaches a model: one on a server, `host:port/name`, or a file or folder, which is served on a free port of the loopback for as long.
 * @throws UsageError when it is neither; InferenceError when the model cannot be served
 */
export async function openProfiledModel(text: string, timeoutMs: number): Promise<ProfiledModelAccess> {
  const address = isPath(text) ? undefined : addressPattern.exec(text);
  if (address === undefined) return await openFile(text, timeoutMs);
  if (address === null) {
    throw new UsageError(`--model '${text}' is no file, no model's folder, and no address such as 127.0.0.1:8001/name`);
  }
  const [, server = "", name = ""] = address;
  const client = InferenceClient.connect(server, { deadlineMs: timeoutMs });
  const metadata = await client.metadata(name);
  const configuration = await client.configuration(name).catch(() => undefined);
  const maxRows = configuration?.max_batch_size || Number.MAX_SAFE_INTEGER;
  return { client, name, metadata, labels: new Map(), maxRows, close: async () => client.close() };
}

function isPath(text: string): boolean {
  return statSync(text, { throwIfNoEntry: false }) !== undefined;
}

async function openFile(path: string, timeoutMs: number): Promise<ProfiledModelAccess> {
  const { name } = findModelFile(path);
  const isFolder = statSync(path).isDirectory();
  const place = isFolder ? dirname(resolve(path)) : path;
  const server = await startServer(
    place,
    resolveConfig({
      grpcPort: 0,
      httpPort: 0,
      metrics: false,
      logLevel: "error",
      device: "cpu",
      ...(isFolder ? { modelControl: "explicit", loadModel: [basename(resolve(path))] } : {}),
    }),
  );
  const client = InferenceClient.connect(server.grpcAddress, { deadlineMs: timeoutMs });
  const close = async () => {
    client.close();
    await server.stop();
  };
  try {
    const [failed] = await server.started;
    if (failed !== undefined) throw new UsageError(`--model '${path}' cannot be served: ${failed.reason}`);
    const [model] = server.models();
    const labels = new Map(
      (model?.signature.outputs ?? []).flatMap((spec) =>
        spec.labels === undefined ? [] : [[spec.name, spec.labels] as const],
      ),
    );
    return {
      client,
      name: isFolder ? name : "",
      metadata: await client.metadata(model?.name ?? name),
      labels,
      maxRows: Number.MAX_SAFE_INTEGER,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
