#!/usr/bin/env node
import { isBrokenPipe } from "./cli/command.ts";
import { run } from "./cli/run.ts";

// A reader that goes away, as `| head` does, is no error: what follows is written to nobody.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (!isBrokenPipe(error)) throw error;
  });
}

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  signals: process,
  exit: (code) => process.exit(code),
});
