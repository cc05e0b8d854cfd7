import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { type BenchCase, type BenchOptions, SkippedError } from "./bench-case.ts";
import { benchCases } from "./cases/index.ts";
import { formatLine, toRecord } from "./report.ts";

/** `npm run bench`: runs the named cases, all of them without a name, and prints each measurement beside its limit and its budget. */

const usage = `Usage: npm run bench -- [case...] [options]

  case               a name such as serve/unary, or a beginning such as serve/ (default: all)
  --list             print the cases
  --pairs N          alternating pairs of measurements (default 10; fewer make the intervals less sure)
  --seconds S        length of one measurement (default 1)
  --json             one line of JSON a measurement
  --cpu-prof FOLDER  leave V8 CPU profiles of server and echo there; bench/profile.ts reads them

Exit code 0: measured, whether or not the budgets hold. 1: a wrong answer, or a case failed. 2: wrong use.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      pairs: { type: "string", default: "10" },
      seconds: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      "cpu-prof": { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return print(usage);
  if (values.list) return print(benchCases.map(({ name, summary }) => `${name.padEnd(20)} ${summary}\n`).join(""));
  const profileFolder = values["cpu-prof"];
  if (profileFolder !== undefined) mkdirSync(profileFolder, { recursive: true });
  const pairs = readNumber("--pairs", values.pairs, 1);
  if (!Number.isInteger(pairs)) throw new TypeError(`--pairs must be a whole number, got ${pairs}`);
  const options = { pairs, seconds: readNumber("--seconds", values.seconds, 0.05), profileFolder };
  let exitCode = 0;
  for (const benchCase of select(positionals)) {
    if (!(await runCase(benchCase, options, values.json))) exitCode = 1;
  }
  return exitCode;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function readNumber(flag: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= min))
    throw new TypeError(`${flag} must be a number from ${min} on, got '${text}'`);
  return value;
}

function select(names: readonly string[]): readonly BenchCase[] {
  if (names.length === 0) return benchCases;
  return names.flatMap((name) => {
    const found = benchCases.filter((one) => one.name === name || (name.endsWith("/") && one.name.startsWith(name)));
    if (found.length === 0) throw new TypeError(`no case '${name}': see --list`);
    return found;
  });
}

async function runCase(benchCase: BenchCase, options: BenchOptions, isJson: boolean): Promise<boolean> {
  if (!isJson) console.log(benchCase.name);
  try {
    for (const line of await benchCase.run(options)) {
      console.log(isJson ? JSON.stringify(toRecord(benchCase, line)) : `  ${formatLine(line)}`);
    }
    return true;
  } catch (error) {
    if (error instanceof SkippedError) {
      console.error(`  ${benchCase.name} skipped: ${error.message}`);
      return true;
    }
    console.error(`  ${benchCase.name} failed:`, error);
    return false;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error; // of parseArgs and of the checks above
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
