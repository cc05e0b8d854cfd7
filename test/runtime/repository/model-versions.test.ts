import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { ModelVersions } from "../../../src/runtime/repository/model-versions.ts";
import type { ScannedModel } from "../../../src/runtime/repository/repository-scan.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeLoader, sourceOf } from "../../support/fake-loader.ts";
import { settle } from "../../support/process-slot-subject.ts";
import { RecordingObserver } from "../../support/recording-observer.ts";

const draining = new InferenceError("draining", "by the test");
const broken = new InferenceError("refused", "a broken file");

class Subject {
  readonly loader = new FakeLoader();
  readonly observer = new RecordingObserver();
  readonly clock = new FakeClock();
  changes = 0;
  /** What the check of a load throws; undefined: it has nothing against it. */
  objection: InferenceError | undefined;
  readonly versions = new ModelVersions("m", {
    clock: this.clock,
    observers: this.observer,
    load: this.loader.load,
    check: async () => {
      if (this.objection !== undefined) throw this.objection;
    },
    report: () => {},
    onChange: () => {
      this.changes++;
    },
  });

  /** What is applied: `1` or `1:fingerprint`. */
  apply(...versions: readonly string[]): Promise<string> {
    const sources = versions.map((text) => sourceOf(...(text.split(":") as [string, string?])));
    return this.applyScanned({ name: "m", versions: sources, error: undefined });
  }

  applyScanned(scanned: ScannedModel): Promise<string> {
    return this.versions.apply(scanned).then(
      () => "applied",
      (error: Error) => error.message,
    );
  }

  /** Applies and lets every load succeed. */
  async serve(...versions: readonly string[]): Promise<void> {
    const applied = this.apply(...versions);
    await settle();
    while (this.loader.versions.length < this.loader.loads.length) await this.loader.last.succeed();
    assert.equal(await applied, "applied");
  }

  /** Which version answers. */
  find(version = ""): string {
    try {
      const found = this.versions.find(version);
      assert.ok(this.loader.versions.some(({ model }) => model === found));
      return found.description.version;
    } catch (error) {
      const { reason, message } = error as InferenceError;
      return `${reason}: ${message}`;
    }
  }

  get index(): string[] {
    return this.versions.index().map(({ version, state, reason }) => `${version} ${state} ${reason}`.trim());
  }
}

describe("a version that was loaded and is objected to", () => {
  it("never serves, and ends; what served before goes on", async () => {
    const subject = new Subject();
    subject.objection = broken;
    const refused = subject.apply("1");
    await settle();
    const first = await subject.loader.last.succeed();
    assert.equal(await refused, "a broken file");
    assert.equal(first.draining, broken);
    assert.deepEqual(subject.index, ["1 UNAVAILABLE a broken file"]);
    assert.ok(!subject.observer.states.some(({ state }) => state === "READY"));

    subject.objection = undefined;
    await subject.serve("1:2");
    subject.objection = broken;
    const again = subject.apply("1:3");
    await settle();
    await subject.loader.last.succeed();
    assert.equal(await again, "a broken file");
    assert.deepEqual(subject.index, ["1 READY"]);
    assert.equal(subject.find(), "1");
  });
});

describe("versions", () => {
  it("load one after another; the highest that serves answers when none is asked for", async () => {
    const subject = new Subject();
    const applied = subject.apply("2", "10");
    await settle();
    assert.equal(subject.loader.loads.length, 1);
    assert.deepEqual(subject.index, ["2 LOADING"]);
    assert.match(subject.find(), /^loading: Request for unknown model: 'm' has no available versions/);
    assert.match(subject.find("2"), /^loading: Request for unknown model: 'm' version 2 is not at ready state/);
    await subject.loader.last.succeed();
    assert.equal(subject.find(), "2");
    await subject.loader.last.succeed();
    assert.equal(await applied, "applied");
    assert.deepEqual([subject.find(), subject.find("2"), subject.find("10")], ["10", "2", "10"]);
    assert.deepEqual(subject.versions.readyVersions(), ["2", "10"]);
    assert.equal(subject.versions.areAllReady, true);
  });

  it("that clients write in other ways are found or told in Triton's words", async () => {
    const subject = new Subject();
    await subject.serve("1");
    assert.equal(subject.find("01"), "1");
    assert.equal(subject.find("7"), "not_found: Request for unknown model: 'm' version 7 is not found");
    assert.match(
      subject.find("x"),
      /^invalid: failed to get model version from specified version string 'x' \(details: .*\), version should be an integral value > 0$/,
    );
    assert.equal(
      subject.find("-1"),
      "invalid: invalid model version specified '-1' , version should be an integral value > 0",
    );
    for (const version of ["1.0", "1e3", " 1", "+1", "9".repeat(100_000)])
      assert.match(subject.find(version), /^invalid: failed to get/);
  });

  it("tell the monitor each state, with what was loaded", async () => {
    const subject = new Subject();
    const applied = subject.apply("1");
    await settle();
    subject.clock.advance(40);
    const { model } = await subject.loader.last.succeed();
    await applied;
    assert.deepEqual(
      subject.observer.states.map(({ model, state, detail }) => [model, state, detail.loadMs, detail.description]),
      [
        ["m/1", "LOADING", undefined, undefined],
        ["m/1", "READY", 40, model.description],
      ],
    );
  });
});

describe("a reload", () => {
  it("loads beside the old one, swaps, and only then lets the old one end", async () => {
    const subject = new Subject();
    await subject.serve("1:a");
    const [old] = subject.loader.versions;
    const applied = subject.apply("1:b");
    await settle();
    assert.equal(old?.draining, undefined);
    assert.deepEqual(subject.index, ["1 READY"]);
    const fresh = await subject.loader.last.succeed();
    assert.equal(subject.versions.find("1"), fresh.model);
    assert.ok(old?.draining !== undefined);
    assert.equal(await applied, "applied", "without waiting for the old one's last answer");
    assert.deepEqual(subject.observer.removed, []);
  });

  it("of what has not changed does nothing", async () => {
    const subject = new Subject();
    await subject.serve("1:a");
    await subject.apply("1:a");
    assert.equal(subject.loader.loads.length, 1);
  });

  it("that fails leaves the old one serving, and is tried again when asked for", async () => {
    const subject = new Subject();
    await subject.serve("1:a");
    for (let attempt = 0; attempt < 2; attempt++) {
      const applied = subject.apply("1:b");
      await settle();
      await subject.loader.last.fail(broken);
      assert.equal(await applied, "a broken file");
      assert.equal(subject.find(), "1");
      assert.deepEqual(subject.index, ["1 READY"]);
      assert.equal(subject.loader.versions[0]?.draining, undefined);
    }
    assert.equal(subject.loader.loads.length, 3);
    await subject.serve("1:a");
    assert.equal(subject.loader.loads.length, 3, "back to what serves: nothing to do");
  });

  it("to another version ends the old one once the new one serves", async () => {
    const subject = new Subject();
    await subject.serve("1");
    const applied = subject.apply("2");
    await settle();
    assert.equal(subject.find(), "1");
    await subject.loader.last.succeed();
    await applied;
    assert.equal(subject.find(), "2");
    assert.match(subject.find("1"), /^not_found/);
    assert.deepEqual(subject.observer.removed, [], "not before its last answer");
    subject.loader.versions[0]?.finish();
    await settle();
    assert.deepEqual(subject.observer.removed, ["m/1"]);
  });

  it("to another version that fails leaves the old one serving", async () => {
    const subject = new Subject();
    await subject.serve("1");
    const applied = subject.apply("2");
    await settle();
    await subject.loader.last.fail(broken);
    assert.equal(await applied, "a broken file");
    assert.equal(subject.find(), "1");
    assert.deepEqual(subject.index, ["1 READY", "2 UNAVAILABLE a broken file"]);
    assert.match(subject.find("2"), /^loading: .* is not at ready state/);
    assert.equal(subject.versions.areAllReady, false);
  });

  it("that brings a version back while it still ends does not end its series", async () => {
    const subject = new Subject();
    for (const version of ["1", "2", "1"]) await subject.serve(version);
    subject.loader.versions[0]?.finish();
    subject.loader.versions[1]?.finish();
    await settle();
    assert.deepEqual(subject.observer.removed, ["m/2"]);
  });

  it("of a repository entry that cannot be read leaves what serves, and tells why", async () => {
    const subject = new Subject();
    await subject.serve("1");
    assert.equal(await subject.applyScanned({ name: "m", versions: [], error: broken }), "a broken file");
    assert.equal(subject.find(), "1");
    const empty = new Subject();
    await empty.applyScanned({ name: "m", versions: [], error: broken });
    assert.deepEqual(empty.index, ["UNAVAILABLE a broken file"]);
    assert.match(empty.find(), /^not_found: .* has no available versions/);
  });

  it("one broken version does not keep the others out", async () => {
    const subject = new Subject();
    const applied = subject.apply("1", "2");
    await settle();
    await subject.loader.last.fail(broken);
    await subject.loader.last.succeed();
    assert.equal(await applied, "a broken file");
    assert.equal(subject.find(), "2");
  });
});

describe("what lasts longer than a request", () => {
  it("goes on in the version that takes the place", async () => {
    const subject = new Subject();
    await subject.serve("1");
    await subject.serve("1:changed");
    await subject.serve("1:changed", "2");
    await subject.serve("2", "3");
    const [first, changed, second, third] = subject.loader.versions;
    assert.deepEqual(first?.takenOver, []);
    assert.deepEqual(changed?.takenOver, ["1 replaced"]);
    assert.deepEqual(second?.takenOver, ["2"], "both serve");
    assert.deepEqual(third?.takenOver, ["3", "2 replaced"]);
    assert.ok(changed?.draining !== undefined);
  });
});

describe("changes of one model", () => {
  it("happen in turn", async () => {
    const subject = new Subject();
    const changes = [
      subject.apply("1:a"),
      subject.apply("1:b"),
      subject.versions.unload(draining),
      subject.apply("1:c"),
    ];
    for (let load = 0; load < 3; load++) {
      await settle();
      assert.equal(subject.loader.loads.length, load + 1);
      await subject.loader.last.succeed();
      for (const version of subject.loader.versions) if (version.draining !== undefined) version.finish();
    }
    await Promise.all(changes);
    assert.equal(subject.find(), "1");
    assert.deepEqual(
      subject.loader.versions.map(({ draining }) => draining !== undefined),
      [true, true, false],
    );
  });

  it("go on after one that failed", async () => {
    const subject = new Subject();
    const first = subject.apply("1");
    await settle();
    await subject.loader.last.fail(broken);
    await first;
    await subject.serve("1");
    assert.equal(subject.find(), "1");
  });
});

describe("unloading", () => {
  it("refuses at once, and is done when the last answer has left", async () => {
    const subject = new Subject();
    await subject.serve("1", "2");
    let isDone = false;
    const unloaded = subject.versions.unload(draining).then(() => {
      isDone = true;
    });
    await settle();
    assert.match(subject.find(), /^not_found: .* has no available versions/);
    assert.match(subject.find("1"), /^not_found/);
    assert.deepEqual(subject.index, ["UNAVAILABLE unloaded"]);
    assert.ok(subject.loader.versions.every((version) => version.draining === draining));
    subject.loader.versions[0]?.finish();
    await settle();
    assert.equal(isDone, false);
    subject.loader.versions[1]?.finish();
    await unloaded;
    assert.deepEqual(subject.observer.removed, ["m/1", "m/2"]);
    assert.equal(subject.versions.isUnloaded, true);
  });
});

describe("draining at the end", () => {
  it("waits for every version that still answers, also for those that were replaced before", async () => {
    const subject = new Subject();
    await subject.serve("1:a");
    await subject.serve("1:b");
    await subject.serve("2");
    const [replaced, ended, serving] = subject.loader.versions;
    let isDone = false;
    const drained = subject.versions.drain(draining).then(() => {
      isDone = true;
    });
    for (const version of [serving, ended, replaced]) {
      await settle();
      assert.equal(isDone, false);
      version?.finish();
    }
    await drained;
  });

  it("a load that ends afterwards does not come into service", async () => {
    const subject = new Subject();
    const applied = subject.apply("1");
    await settle();
    await subject.versions.drain(draining);
    const late = await subject.loader.last.succeed();
    assert.equal(late.draining, draining);
    assert.equal(await applied, "by the test");
    assert.notEqual(subject.find(), "1");
  });
});

describe("a version that cannot answer for the time being", () => {
  it("leaves the default to one that can, and is not ready", async () => {
    const subject = new Subject();
    await subject.serve("1", "2");
    const [, second] = subject.loader.versions;
    const { changes } = subject;
    second?.setUnavailable(new InferenceError("restarting", "crashed too often"));
    assert.equal(subject.changes, changes + 1);
    assert.equal(subject.find(), "1");
    assert.equal(subject.find("2"), "2", "its own refusal is told by itself");
    assert.deepEqual([subject.versions.isReady("2"), subject.versions.isReady("")], [false, true]);
    assert.deepEqual(subject.index, ["1 READY", "2 UNAVAILABLE crashed too often"]);
    second?.setUnavailable(undefined);
    assert.equal(subject.find(), "2");
    assert.equal(subject.versions.isReady("2"), true);
  });
});

it("statistics are those of the versions in service, and begin anew with a reload", async () => {
  const subject = new Subject();
  await subject.serve("1", "2");
  assert.deepEqual(
    subject.versions.statistics("").map(({ version }) => version),
    ["1", "2"],
  );
  assert.deepEqual(
    subject.versions.statistics("2").map(({ version }) => version),
    ["2"],
  );
  assert.deepEqual(subject.versions.statistics("3"), []);
});
