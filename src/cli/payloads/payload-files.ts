import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileSource } from "../../training/byte-source.ts";
import { asObject, parseJson } from "../../training/json-values.ts";
import { LineScanner } from "../../training/line-scanner.ts";
import { UsageError } from "../arguments.ts";

/** A line of a payload log as JSON has it. */
export type PayloadLine = Readonly<Record<string, unknown>>;

/**
 * The files of a payload log, oldest first.
 * @param path a file, or the folder of a server's logs
 * @throws UsageError when there are none
 */
export async function findPayloadFiles(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UsageError(`'${path}': there is no such file or folder`);
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => name.endsWith(".jsonl"));
  if (names.length === 0) throw new UsageError(`'${path}' has no .jsonl files`);
  // model@version@time-n.jsonl: by the time, whatever the version
  return names.sort((a, b) => compare(timeOf(a), timeOf(b)) || compare(a, b)).map((name) => join(path, name));
}

function timeOf(name: string): string {
  return name.slice(name.lastIndexOf("@") + 1);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The lines of one file; undefined for one that is no JSON object, such as the last one of a file that is being written. */
export async function* payloadLines(path: string): AsyncGenerator<PayloadLine | undefined, void, undefined> {
  const source = await fileSource(path);
  const scanner = new LineScanner(path);
  for await (const chunk of source.chunks(0)) {
    scanner.push(chunk);
    while (scanner.next()) yield parseLine(scanner.text);
  }
  scanner.end();
  while (scanner.next()) yield parseLine(scanner.text);
}

function parseLine(text: string): PayloadLine | undefined {
  try {
    return asObject(parseJson(text));
  } catch {
    return undefined;
  }
}
