import { ClientError } from "../client/client-error.ts";
import { InferenceClient } from "../client/inference-client.ts";
import { InferenceError } from "../errors.ts";
import { type CommandOption, UsageError } from "./arguments.ts";

/** The argument of every command that speaks to a server. */
export const addressPositional = {
  name: "address",
  description: "Where the server listens for gRPC: host:port, for example 127.0.0.1:8001.",
} as const;

/** Options of every command that speaks to a server. */
export const connectionOptions = {
  timeout: {
    kind: "number",
    default: 60,
    min: 0.001,
    max: 86_400,
    unit: "seconds",
    group: "Request",
    description: "Time after which a call is given up.",
  },
} as const satisfies Record<string, CommandOption>;

/** `--json` of commands that print a table. */
export const jsonOption = {
  kind: "boolean",
  default: false,
  group: "Input and output",
  description: "Print JSON for programs instead of a table for people.",
} as const satisfies CommandOption;

/** Runs work with a client of a server, and closes it. Calls have `timeoutSeconds`. */
export async function withClient<T>(
  address: string,
  timeoutSeconds: number,
  work: (client: InferenceClient) => Promise<T>,
): Promise<T> {
  const client = connect(address, timeoutSeconds);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** As {@link withClient}, with a client for each server by itself. */
export async function withClients<T>(
  addresses: readonly string[],
  timeoutSeconds: number,
  work: (clients: readonly InferenceClient[]) => Promise<T>,
): Promise<T> {
  const clients: InferenceClient[] = [];
  try {
    for (const address of addresses) clients.push(connect(address, timeoutSeconds));
    return await work(clients);
  } finally {
    for (const client of clients) client.close();
  }
}

/** @throws UsageError for an address that is none. */
function connect(address: string, timeoutSeconds: number): InferenceClient {
  try {
    return InferenceClient.connect(address, {
      deadlineMs: Math.max(1, Math.round(timeoutSeconds * 1000)),
      maxMessageBytes: 2 ** 31 - 1,
    });
  } catch (error) {
    throw error instanceof InferenceError && error.reason === "invalid" ? new UsageError(error.message) : error;
  }
}

/** The result of a call that not every server of the protocol offers; undefined where it is UNIMPLEMENTED. */
export async function ifOffered<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ClientError && error.status === "UNIMPLEMENTED") return undefined;
    throw error;
  }
}
