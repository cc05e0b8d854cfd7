import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { inferenceService } from "../../src/protocol/definitions.ts";
import type { RunningServer } from "../../src/serve.ts";
import { unsupportedMethods } from "../../src/server/unsupported-methods.ts";
import { startTestServer } from "../support/test-server.ts";
import { needs, run, runWell, toolPath } from "./foreign-tools.ts";
import { root } from "./interop-server.ts";
import { assertAnswers, readDocuments, readRecipes } from "./recipes.ts";

/** A real grpcurl: the recipes of examples/grpcurl, every symbol through reflection, large messages, and the line that `serve` prints. */

const recipeFolder = join(root, "examples", "grpcurl");
const recipes = readRecipes(readFileSync(join(recipeFolder, "README.md"), "utf8"));
const needsGrpcurl = needs("grpcurl");
let server: RunningServer;

before(async () => {
  server = await startTestServer(join(root, "examples", "repository"), { modelControl: "explicit", loadModel: ["*"] });
});
after(() => server.stop());

/** Runs a line of shell with grpcurl on PATH. */
function shell(line: string, cwd = root) {
  const PATH = `${dirname(toolPath("grpcurl"))}:${process.env.PATH ?? ""}`;
  return run("sh", ["-c", line], { cwd, env: { PATH } });
}

function grpcurl(...args: readonly string[]): Promise<string> {
  return runWell(toolPath("grpcurl"), ["-plaintext", ...args]);
}

test("the recipes call every implemented method", () => {
  const commands = recipes.map(({ command }) => command).join("\n");
  const implemented = Object.keys(inferenceService()).filter((name) => !Object.hasOwn(unsupportedMethods, name));
  assert.equal(implemented.length, 12);
  for (const name of implemented) assert.match(commands, new RegExp(`GRPCInferenceService/${name}\\b`));
});

test("recipes", needsGrpcurl, async (t) => {
  for (const recipe of recipes) {
    await t.test(recipe.title, async () => {
      const { stdout, stderr } = await shell(
        recipe.command.replace("localhost:8001", server.grpcAddress),
        recipeFolder,
      );
      assertAnswers(recipe, recipe.format === "text" ? stdout + stderr : stdout);
    });
  }
});

test("reflection describes every service, method, message and enum", needsGrpcurl, async () => {
  const pending = (await grpcurl(server.grpcAddress, "list")).trim().split("\n");
  const seen = new Set(pending);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const text = await grpcurl(server.grpcAddress, "describe", name);
    assert.match(text, new RegExp(`^${name.replaceAll(".", "\\.")} is an? (service|message|enum):`));
    const definition = text.replaceAll(/\/\/.*$/gm, "");
    for (const [, found = ""] of definition.matchAll(/[ <]\.([\w.]+)\b/g)) {
      if (!seen.has(found)) pending.push(found);
      seen.add(found);
    }
  }
  for (const name of ["inference.ModelInferRequest.InferInputTensor", "inference.ModelConfig", "inference.DataType"]) {
    assert.ok(seen.has(name), name);
  }
});

test("typed outputs are the numbers that raw outputs hold", needsGrpcurl, async () => {
  const request = JSON.parse(readFileSync(join(recipeFolder, "digit.json"), "utf8"));
  const ask = async (message: object) => {
    const method = "inference.GRPCInferenceService/ModelInfer";
    return JSON.parse(await grpcurl("-d", JSON.stringify(message), server.grpcAddress, method));
  };
  const typed = (await ask(request)).outputs[0].contents.fp32Contents as number[];
  const raw = Buffer.from((await ask({ ...request, parameters: {} })).rawOutputContents[0], "base64");
  assert.equal(typed.indexOf(Math.max(...typed)), 5);
  assert.deepEqual(
    typed.map((value) => Math.fround(value)),
    typed.map((_, i) => raw.readFloatLE(4 * i)),
  );
});

test("a request of several megabytes from standard input, more rows than a batch holds", needsGrpcurl, async () => {
  const rows = 20_000;
  const columns = 30;
  const input = JSON.stringify({
    model_name: "breast_cancer",
    inputs: [{ name: "features", datatype: "FP32", shape: [rows, columns] }],
    outputs: [{ name: "output_label" }],
    raw_input_contents: [Buffer.alloc(rows * columns * 4).toString("base64")],
  });
  const method = "inference.GRPCInferenceService/ModelInfer";
  const text = await runWell(toolPath("grpcurl"), ["-plaintext", "-d", "@", server.grpcAddress, method], { input });
  const [answer] = readDocuments(text) as [{ rawOutputContents: string[] }];
  assert.equal(Buffer.from(answer.rawOutputContents[0] ?? "", "base64").length, rows * 8);
});

test("the line that `sluice serve` prints works when pasted", { ...needsGrpcurl, timeout: 60_000 }, async () => {
  const args = [
    "src/main.ts",
    "serve",
    "examples/repository",
    "--grpc-port",
    "0",
    "--http-port",
    "0",
    "--device",
    "cpu",
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  try {
    let printed = "";
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
    child.stdout.setEncoding("utf8");
    for await (const text of child.stdout) {
      printed += text;
      if (/^ +grpcurl .*\n/m.test(printed)) break;
    }
    const line = /^ +(grpcurl .*)$/m.exec(printed)?.[1];
    assert.ok(line !== undefined, printed + log);
    const { code, stdout, stderr } = await shell(line);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"(fp32|int64)Contents": \[\s+"?[\d.e-]+/);
  } finally {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  }
});
