import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
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
  const callers = callersOfNative(profile.nodes);
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
    const caller = callers.get(id);
    const name = where === "" && caller !== undefined ? `${nameOf(frame)} < ${nameOf(caller)}` : nameOf(frame);
    functions.set(name, (functions.get(name) ?? 0) + time);
    const group = groupOf(where, frame.functionName);
    groups.set(group, (groups.get(group) ?? 0) + time);
  });
  return { functions: toShares(functions, busy), groups: toShares(groups, busy) };
}

type CallFrame = ProfileNode["callFrame"];

/** Native functions have no file: who calls them tells what they do. */
function callersOfNative(nodes: readonly ProfileNode[]): ReadonlyMap<number, CallFrame> {
  const callers = new Map<number, CallFrame>();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const { callFrame, children = [] } of nodes) {
    for (const child of children) {
      const frame = byId.get(child)?.callFrame;
      if (frame?.url === "" && !frame.functionName.startsWith("(")) callers.set(child, callFrame);
    }
  }
  return callers;
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const where = shorten(url);
  return where === "" ? name : `${name} ${where}:${lineNumber + 1}`;
}

function toShares(times: ReadonlyMap<string, number>, whole: number): SelfTime[] {
  return [...times].map(([name, time]) => ({ name, share: (100 * time) / whole })).sort((a, b) => b.share - a.share);
}

const root = join(import.meta.dirname, "../");

/** A path from the repository's folder on. */
function shorten(url: string): string {
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  return path.startsWith(root) ? path.slice(root.length) : path;
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
