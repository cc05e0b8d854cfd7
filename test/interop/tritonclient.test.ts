import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RunningServer } from "../../src/serve.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { assertChecked } from "./checks.ts";
import { needs, runWell, toolPath } from "./foreign-tools.ts";
import { startInteropServer } from "./interop-server.ts";

/** Triton's own Python client, unchanged. */

const folder = temporaryFolder({ after });
let server: RunningServer;

before(async () => {
  server = await startInteropServer(folder);
});
after(() => server.stop());

function runClient(name: string): Promise<string> {
  const script = join(import.meta.dirname, "python", name);
  return runWell(toolPath("python"), [script, server.grpcAddress], { env: { PYTHONDONTWRITEBYTECODE: "1" } });
}

test("tritonclient.grpc", needs("python"), async () => {
  assertChecked(await runClient("triton_client.py"), [
    "server",
    "metadata",
    "infer",
    "several",
    "classification",
    "asynchronous",
    "stream",
    "decoupled",
    "sequences",
    "grpc_error",
    "errors",
    "deadline",
    "statistics",
    "repository",
    "compression",
  ]);
});

test("tritonclient.grpc.aio", needs("python"), async () => {
  assertChecked(await runClient("triton_client_aio.py"), [
    "server",
    "metadata",
    "infer",
    "stream",
    "errors",
    "statistics",
    "repository",
  ]);
});
