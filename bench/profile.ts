import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { median } from "./estimate.ts";

/** Reads V8 CPU profiles: the functions in which a process spent its time, for `node bench/profile.ts FILE...`. */

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds since the previous sample. */
  readonly timeDeltas: readonly number[];
}

/** A function with the share of busy time in which it ran itself, in percent. */
export interface SelfTime {
  readonly name: string;
  readonly share: number;
}

/** Reading of the first modules, and the compilers' first work. */
const startMicroseconds = 3_000_000;

/**
 * Functions by self time, and the shares of groups of files, without the process's start. Idle time does not count, nor does the part of a sample
 * beyond twice the usual: the process was waiting for a core then, and the function that was interrupted is not to blame.
 */
export function readProfile(path: string): { functions: readonly SelfTime[]; groups: readonly SelfTime[] } {
  const profile = JSON.parse(readFileSync(path, "utf8")) as Profile; // V8's own format
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const functions = new Map<string, number>();
  const groups = new Map<string, number>();
  const longest = 2 * median(profile.timeDeltas);
  let busy = 0;
  let elapsed = 0;
  profile.samples.forEach((id, index) => {
    const frame = frames.get(id);
    const time = Math.min(longest, profile.timeDeltas[index] ?? 0);
    elapsed += profile.timeDeltas[index] ?? 0;
    if (frame === undefined || frame.functionName === "(idle)" || elapsed < startMicroseconds) return;
    busy += time;
    const where = shorten(frame.url);
    const name = `${frame.functionName === "" ? "(anonymous)" : frame.functionName} ${where === "" ? "" : `${where}:${frame.lineNumber + 1}`}`;
    functions.set(name, (functions.get(name) ?? 0) + time);
    const group = groupOf(where, frame.functionName);
    groups.set(group, (groups.get(group) ?? 0) + time);
  });
  return { functions: toShares(functions, busy), groups: toShares(groups, busy) };
}

function toShares(times: ReadonlyMap<string, number>, whole: number): SelfTime[] {
  return [...times].map(([name, time]) => ({ name, share: (100 * time) / whole })).sort((a, b) => b.share - a.share);
}

/** A path from the package or source folder on. */
function shorten(url: string): string {
  return url.replace(/^file:\/\//, "").replace(/^.*\/(?=node_modules\/|src\/|bench\/)/, "");
}

function groupOf(where: string, functionName: string): string {
  const [first = "", second = "", third = ""] = where.split("/");
  if (where === "") return functionName.startsWith("(") ? functionName : "native code";
  if (first === "node_modules") return second.startsWith("@") ? `${second}/${third}` : second;
  if (first.startsWith("node:")) return first.startsWith("node:internal") ? `node:internal/${second}` : first;
  return `${first}/${second}`;
}

if (import.meta.main) {
  for (const path of process.argv.slice(2)) {
    const { functions, groups } = readProfile(path);
    console.log(`${basename(path)}: share of busy time`);
    for (const { name, share } of groups.slice(0, 12)) console.log(`  ${share.toFixed(1).padStart(5)} %  ${name}`);
    console.log("  by function:");
    for (const { name, share } of functions.slice(0, 40)) console.log(`  ${share.toFixed(2).padStart(5)} %  ${name}`);
  }
}
