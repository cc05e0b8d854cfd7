import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import { cpuAllowance, ThreadBudget } from "../../../src/runtime/process/cpu-allowance.ts";

/** Files of a control group; whatever is not named does not exist. */
function files(contents: Readonly<Record<string, string>>) {
  return (path: string) => {
    const text = contents[path];
    if (text === undefined) throw new Error(`ENOENT ${path}`);
    return text;
  };
}

const v1 = (quota: string) =>
  files({ "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota, "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n" });

describe("cpuAllowance", () => {
  const all = availableParallelism();
  const cases: readonly [string, (path: string) => string, number][] = [
    ["version 2", files({ "/sys/fs/cgroup/cpu.max": "50000 100000\n" }), 0.5],
    ["version 2 without a quota", files({ "/sys/fs/cgroup/cpu.max": "max 100000\n" }), all],
    ["a quota beyond the machine", files({ "/sys/fs/cgroup/cpu.max": "99900000 100000\n" }), all],
    ["version 1", v1("25000\n"), 0.25],
    ["version 1 without a quota", v1("-1\n"), all],
    ["no control group", files({}), all],
    ["nonsense", files({ "/sys/fs/cgroup/cpu.max": "many\n" }), all],
  ];
  for (const [name, read, expected] of cases) it(name, () => assert.equal(cpuAllowance(read), expected));
});

describe("ThreadBudget", () => {
  it("is the allowance less one for the front process, at least one", () => {
    assert.deepEqual(
      [8, 2.5, 1, 0.5].map((allowance) => new ThreadBudget(0, allowance).total),
      [7, 1, 1, 1],
    );
    assert.equal(new ThreadBudget(3, 8).total, 3);
  });

  it("gives what is wanted while there is enough, then what is left, then one", () => {
    const budget = new ThreadBudget(5, 8);
    assert.deepEqual([budget.acquire(3), budget.acquire(4), budget.acquire(4)], [3, 2, 1]);
    budget.release(3);
    assert.equal(budget.acquire(4), 2);
  });
});
