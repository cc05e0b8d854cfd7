import { readdirSync, readFileSync } from "node:fs";

/** CPU time used so far, in microseconds. */
export interface CpuTime {
  /** The process itself, all its threads: for a server, the front process. */
  readonly own: number;
  /** The process and its descendants. */
  readonly all: number;
}

/** What a process and its descendants have used. @throws Error where there is no /proc, as outside Linux */
export function cpuTime(pid: number): CpuTime {
  const own = ownMicroseconds(pid);
  let all = own;
  for (const child of descendants(pid)) all += ownMicroseconds(child);
  return { own, all };
}

/** Nanoseconds from the scheduler where the kernel tells them, for a tick of `stat` is 10 ms. */
function ownMicroseconds(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = tryRead(`/proc/${pid}/task/${thread}/schedstat`);
    if (text === undefined) continue; // the thread has ended meanwhile
    sum += Number(text.split(" ")[0]) / 1000;
  }
  return sum > 0 ? sum : tickMicroseconds(pid);
}

function tickMicroseconds(pid: number): number {
  const fields = statFields(readFileSync(`/proc/${pid}/stat`, "utf8"));
  return (Number(fields[11]) + Number(fields[12])) * 10_000; // utime and stime, 100 ticks a second
}

function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const text = /^\d+$/.test(name) ? tryRead(`/proc/${name}/stat`) : undefined;
    if (text === undefined) continue;
    const parent = Number(statFields(text)[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const todo = [root];
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    const next = children.get(pid) ?? [];
    found.push(...next);
    todo.push(...next);
  }
  return found;
}

/** The fields after the command name, which may hold spaces: state, parent, … */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
