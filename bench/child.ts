import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** Time in which a child that was asked to end may do so, e.g. to write its CPU profile. */
const endTimeoutMs = 20_000;

/** A script of this folder in a process of its own, which answers one message at a time (see {@link answerParent}). */
export class Child {
  readonly #process: ChildProcess;

  /** @param profileFolder where it leaves a CPU profile when it ends */
  constructor(script: string, options: { readonly profileFolder?: string | undefined } = {}) {
    this.#process = fork(join(import.meta.dirname, script), {
      execArgv: profileArguments(options.profileFolder, script.replace(/\.ts$/, "")),
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** @throws Error what the child threw, or that it ended */
  async ask<Question extends object, Answer>(question: Question): Promise<Answer> {
    const listening = new AbortController();
    const answered = once(this.#process, "message", listening);
    const ended = once(this.#process, "exit", listening).then(() => [{ error: "the process ended without an answer" }]);
    this.#process.send(question);
    const [reply] = (await Promise.race([answered, ended])) as [Reply<Answer>]; // answerParent below
    for (const other of [answered, ended]) other.catch(() => {}); // the one that did not win is called off
    listening.abort();
    if ("error" in reply) throw new Error(reply.error);
    return reply.answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#process, () => this.#process.disconnect());
  }
}

type Reply<Answer> = { readonly answer: Answer } | { readonly error: string };

/** In a child: answers every message of the parent, and ends when the parent goes. */
export function answerParent<Question, Answer>(answer: (question: Question) => Promise<Answer>): void {
  process.on("message", (question: Question) => {
    answer(question).then(
      (value) => process.send?.({ answer: value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}

/** Node's arguments for a CPU profile `<name>.<pid>.cpuprofile`, sampled every 200 us. */
export function profileArguments(folder: string | undefined, name: string): string[] {
  if (folder === undefined) return [];
  const file = `--cpu-prof-name=${name}.${Date.now()}.cpuprofile`;
  return ["--cpu-prof", `--cpu-prof-dir=${folder}`, file, "--cpu-prof-interval=200"];
}

/** Ends a process the way it likes best, and by force when it takes too long. */
export async function endProcess(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  ask();
  const timer = setTimeout(() => child.kill("SIGKILL"), endTimeoutMs);
  await exited;
  clearTimeout(timer);
}
