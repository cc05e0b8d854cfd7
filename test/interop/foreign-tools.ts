import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/**
 * Programs that others wrote and that sluice is tested against. `.ci/install-tools` puts them into one folder outside the checkout; what
 * comes with the machine is taken from PATH.
 */

/** Where `.ci/install-tools` installs, and where builds of foreign clients are kept. */
export const toolFolder = process.env.TEST_TOOLS || join(homedir(), ".cache", "sluice-ci");

const installed = {
  python: join("python", "bin", "python"),
  grpcurl: join("go", "bin", "grpcurl"),
  "protoc-gen-go": join("go", "bin", "protoc-gen-go"),
  "protoc-gen-go-grpc": join("go", "bin", "protoc-gen-go-grpc"),
} as const;

/** A program that a test may need. */
export type Tool = keyof typeof installed | "go" | "java" | "mvn" | "prometheus" | "promtool";

/** Path of a program, or undefined when the machine has none. */
function findTool(tool: Tool): string | undefined {
  const paths =
    tool in installed
      ? [join(toolFolder, installed[tool as keyof typeof installed])]
      : (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, tool));
  return paths.find(isExecutable);
}

/** Path of a program. @throws Error when it is missing: a test names what it needs with {@link needs} first. */
export function toolPath(tool: Tool): string {
  const path = findTool(tool);
  if (path === undefined) throw new Error(missing([tool]));
  return path;
}

/**
 * Options for a test that needs programs: it is skipped, with the reason, where one is missing.
 * @throws Error instead where TEST_REQUIRE_ALL=1 says that nothing may be skipped.
 */
export function needs(...tools: readonly Tool[]): { readonly skip: string | false } {
  const absent = tools.filter((tool) => findTool(tool) === undefined);
  if (absent.length === 0) return { skip: false };
  if (process.env.TEST_REQUIRE_ALL === "1") throw new Error(missing(absent));
  return { skip: missing(absent) };
}

function missing(tools: readonly Tool[]): string {
  return `needs ${tools.join(", ")}: run .ci/install-tools (looked in ${toolFolder} and PATH)`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** How a program ended. */
export interface Ended {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a program. */
export interface RunOptions {
  readonly cwd?: string;
  /** Variables on top of this process' own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input, which then ends. */
  readonly input?: string;
  /** Killed after this time, default 120 s. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end while this process goes on serving. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeoutMs ?? 120_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => {}); // a program that ends without reading its input is judged by its exit code
  child.on("error", reject);
  child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  child.stdin.end(options.input ?? "");
  return await promise;
}

/** Runs a program that must succeed and returns its standard output. @throws Error with everything that it wrote. */
export async function runWell(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
