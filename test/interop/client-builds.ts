import { createHash } from "node:crypto";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runWell, toolFolder, toolPath } from "./foreign-tools.ts";
import { root } from "./interop-server.ts";

/** Stubs that other code generators make from proto/, and clients over them; nothing of it is written into the checkout. */

const protoFolder = join(root, "proto");
const protoFiles = ["inference/grpc_service.proto", "inference/model_config.proto"];

/** The messages of the monitor, and what they are made of. */
export const monitorProtoFiles = ["sluice/monitor/v1/monitor.proto", "sluice/model/v1/model_package.proto"];

/** Writes Python stubs into a folder, to be put on PYTHONPATH. @param more files beside those of inference */
export async function generatePythonStubs(folder: string, more: readonly string[] = []): Promise<void> {
  const args = ["-m", "grpc_tools.protoc", "-I", protoFolder, `--python_out=${folder}`, `--grpc_python_out=${folder}`];
  await runWell(toolPath("python"), [...args, ...protoFiles, ...more]);
}

/**
 * Builds a Go program whose generated package is `<module>/inference`: its sources are copied into `folder`, the stubs beside them.
 * Returns the path of the program.
 */
export async function buildGoClient(sources: string, module: string, folder: string): Promise<string> {
  cpSync(sources, folder, { recursive: true });
  const outputs = ["go", "go-grpc"].flatMap((plugin) => [
    `--plugin=protoc-gen-${plugin}=${toolPath(plugin === "go" ? "protoc-gen-go" : "protoc-gen-go-grpc")}`,
    `--${plugin}_out=${folder}`,
    `--${plugin}_opt=module=${module}`,
    ...protoFiles.map((file) => `--${plugin}_opt=M${file}=${module}/inference`),
  ]);
  await runWell(toolPath("python"), ["-m", "grpc_tools.protoc", "-I", protoFolder, ...outputs, ...protoFiles]);
  await runWell(toolPath("go"), ["build", "-o", "client", "."], { cwd: folder, timeoutMs: 300_000 });
  return join(folder, "client");
}

/** Compiles the Java client unless these very sources have been compiled before. Returns the class path. */
export async function buildJavaClient(): Promise<string> {
  const project = join(import.meta.dirname, "java");
  const sources = ["pom.xml", "src/main/java/sluice/Client.java"].map((file) => join(project, file));
  const definitions = globSync("{inference,grpc/health/v1}/*.proto", { cwd: protoFolder }).sort();
  const hash = createHash("sha256");
  for (const file of [...sources, ...definitions.map((name) => join(protoFolder, name))])
    hash.update(readFileSync(file));
  const folder = join(toolFolder, "build", `java-${hash.digest("hex").slice(0, 16)}`);
  const marker = join(folder, "compiled");
  if (!existsSync(marker)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const args = ["--batch-mode", "--quiet", "compile", `-Dsluice.build=${folder}`];
    const compile = () => runWell(toolPath("mvn"), args, { cwd: project, timeoutMs: 600_000 });
    await compile().catch(compile); // the first time it fetches the libraries, and registries fail now and then
    writeFileSync(marker, "");
  }
  return `${join(folder, "classes")}:${join(folder, "lib")}/*`;
}
