import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RunningServer } from "../../src/serve.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { assertChecked } from "./checks.ts";
import { generatePythonStubs, monitorProtoFiles } from "./client-builds.ts";
import { needs, runWell, toolPath } from "./foreign-tools.ts";
import { startInteropServer } from "./interop-server.ts";

/** Outcomes reported by a client over plain generated stubs. */

const folder = temporaryFolder({ after });
let server: RunningServer;

before(async () => {
  server = await startInteropServer(join(folder, "repository"));
});
after(() => server.stop());

test("Python stubs report outcomes by id and by token", needs("python"), async () => {
  await generatePythonStubs(folder, monitorProtoFiles);
  const env = { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: "1" };
  const script = join(import.meta.dirname, "python", "outcomes_client.py");
  assertChecked(await runWell(toolPath("python"), [script, server.grpcAddress], { env }), [
    "by_id",
    "by_token",
    "sample",
  ]);
});
