import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import type { RunningServer } from "../../src/serve.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";
import { needs, runWell, toolPath } from "./foreign-tools.ts";
import { root } from "./interop-server.ts";

/** The programs of examples/clients print what their README promises. */

const clients = join(root, "examples", "clients");
const data = join(root, "examples", "data", "digits.csv");
const promised = /^```text\n([\s\S]*?)```$/m.exec(readFileSync(join(clients, "README.md"), "utf8"))?.[1];
const folder = temporaryFolder({ after });
let server: RunningServer;

before(async () => {
  server = await startTestServer(join(root, "examples", "repository"));
});
after(() => server.stop());

test("TypeScript", async () => {
  const script = join(clients, "typescript", "predict.ts");
  assert.equal(await runWell(process.execPath, [script, server.grpcAddress, data]), promised);
});

test("Python", needs("python"), async () => {
  const script = join(clients, "python", "predict.py");
  assert.equal(await runWell(toolPath("python"), [script, server.grpcAddress, data]), promised);
});

test("Go", needs("python", "go", "protoc-gen-go", "protoc-gen-go-grpc"), async () => {
  const cwd = join(folder, "go");
  cpSync(join(clients, "go"), cwd, { recursive: true });
  const env = {
    PATH: `${dirname(toolPath("protoc-gen-go"))}${delimiter}${process.env.PATH ?? ""}`,
    PROTOC: `${toolPath("python")} -m grpc_tools.protoc`,
    PROTO: join(root, "proto"),
  };
  await runWell(join(cwd, "generate.sh"), [], { cwd, env });
  const args = ["run", ".", server.grpcAddress, data];
  assert.equal(await runWell(toolPath("go"), args, { cwd, timeoutMs: 300_000 }), promised);
});
