import { EventEmitter } from "node:events";
import { Readable, Writable } from "node:stream";
import type { CommandContext, ExitCode } from "../../src/cli/command.ts";
import { run } from "../../src/cli/run.ts";

/** A process for one command: standard streams in memory, an environment of its own, signals on demand. */
export class CommandFake implements CommandContext {
  readonly stdin: Readable;
  readonly stdout = new TextSink();
  readonly stderr = new TextSink();
  readonly signals = new EventEmitter();
  readonly environment: Readonly<Record<string, string>>;
  /** What `exit` was called with. */
  exited: ExitCode | undefined;

  constructor(input: string | Uint8Array = "", environment: Readonly<Record<string, string>> = {}) {
    this.stdin = Readable.from([Buffer.from(input as string)]);
    this.environment = environment;
  }

  exit(code: ExitCode): void {
    this.exited = code;
  }
}

/** Keeps what is written to it. */
export class TextSink extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#chunks.push(chunk);
    this.emit("text");
    callback();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

/** Runs a command line to its end. */
export async function runCommand(
  argv: readonly string[],
  input: string | Uint8Array = "",
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: ExitCode; readonly out: string; readonly outBytes: Buffer; readonly err: string }> {
  const context = new CommandFake(input, environment);
  const code = await run(argv, context);
  return { code, out: context.stdout.text, outBytes: context.stdout.bytes, err: context.stderr.text };
}
