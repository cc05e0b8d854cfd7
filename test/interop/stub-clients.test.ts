import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RunningServer } from "../../src/serve.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { assertChecked, stubChecks } from "./checks.ts";
import { buildGoClient, buildJavaClient, generatePythonStubs } from "./client-builds.ts";
import { needs, runWell, toolPath } from "./foreign-tools.ts";
import { startInteropServer } from "./interop-server.ts";

/** Clients over plain generated stubs in three languages: every implemented RPC, and the health service. */

const folder = temporaryFolder({ after });
let server: RunningServer;

before(async () => {
  server = await startInteropServer(join(folder, "repository"));
});
after(() => server.stop());

test("Python stubs", needs("python"), async () => {
  await generatePythonStubs(folder);
  const env = { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" };
  const script = join(import.meta.dirname, "python", "stubs_client.py");
  assertChecked(await runWell(toolPath("python"), [script, server.grpcAddress], { env }), stubChecks);
});

test("Go stubs", needs("python", "go", "protoc-gen-go", "protoc-gen-go-grpc"), async () => {
  const sources = join(import.meta.dirname, "go");
  const client = await buildGoClient(sources, "sluice.test/interop", join(folder, "go"));
  assertChecked(await runWell(client, [server.grpcAddress]), stubChecks);
});

test("Java stubs", needs("java", "mvn"), async () => {
  const classPath = await buildJavaClient();
  const args = ["-XX:+UseSerialGC", "-cp", classPath, "sluice.Client", server.grpcAddress];
  assertChecked(await runWell(toolPath("java"), args), stubChecks);
});
