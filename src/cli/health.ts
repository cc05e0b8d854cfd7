import type { CommandOption } from "./arguments.ts";
import { defineCommand, write } from "./command.ts";
import { addressPositional, connectionOptions, withClient } from "./connection.ts";

const options = {
  model: {
    kind: "string",
    default: "",
    valueName: "NAME",
    group: "Request",
    description: "Model to ask about. Without it: the server as a whole.",
  },
  ...connectionOptions,
} as const satisfies Record<string, CommandOption>;

/** `sluice health`: the standard health check, for scripts and container probes. */
export const healthCommand = defineCommand(
  {
    name: "health",
    summary: "Check whether a server, or one model on it, is serving",
    description: [
      "Asks grpc.health.v1.Health, prints SERVING or NOT_SERVING, and exits with 0 only for SERVING. A model that the server does not know is an error, NOT_FOUND.",
    ],
    positionals: [addressPositional],
    options,
    examples: [
      { command: "sluice health 127.0.0.1:8001", explanation: "For a container's health check." },
      { command: "sluice health 127.0.0.1:8001 --model digits", explanation: "Whether that model takes requests." },
    ],
  },
  async ({ positionals, options: given }, context) => {
    const [address = ""] = positionals;
    const status = await withClient(address, given.timeout, (client) => client.health(given.model));
    await write(context.stdout, `${status}\n`);
    return status === "SERVING" ? 0 : 1;
  },
);
