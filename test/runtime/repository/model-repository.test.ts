import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { InferenceError } from "../../../src/errors.ts";
import { ModelRepository, type ModelRepositoryOptions } from "../../../src/runtime/repository/model-repository.ts";
import { RepositoryFolder } from "../../../src/runtime/repository/repository-scan.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeLoader } from "../../support/fake-loader.ts";
import { settle } from "../../support/process-slot-subject.ts";
import { RecordingObserver } from "../../support/recording-observer.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const intervalMs = 1_000;

class Subject {
  readonly root: string;
  readonly clock = new FakeClock();
  readonly loader = new FakeLoader();
  readonly reports: string[] = [];
  readonly repository: ModelRepository;

  constructor(
    test: TestContext,
    options: Partial<ModelRepositoryOptions> = {},
    models: readonly string[] = ["a", "b"],
  ) {
    this.root = temporaryFolder(test);
    for (const name of models) this.write(`${name}/1/model.onnx`, "first");
    this.loader.isAutomatic = true;
    this.repository = new ModelRepository({
      folder: new RepositoryFolder(this.root),
      modelControl: "none",
      pollIntervalMs: intervalMs,
      loadModels: [],
      isFileOverrideAllowed: false,
      isStrictlyReady: false,
      clock: this.clock,
      observers: new RecordingObserver(),
      load: this.loader.load,
      report: (_level, message) => this.reports.push(message),
      ...options,
    });
  }

  write(path: string, text: string): void {
    mkdirSync(join(this.root, path, ".."), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  /** Looks at the repository so many times. */
  async poll(times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.clock.advance(intervalMs);
      await settle();
      await settle();
    }
  }

  /** `name/version` of every load that was begun. */
  get loads(): string[] {
    return this.loader.loads.map(({ source }) => `${source.name}/${source.version}`);
  }

  get ready(): string[] {
    return this.repository.index(true).map(({ name, version }) => `${name}/${version}`);
  }
}

describe("at start", () => {
  it("every model loads, side by side", async (test) => {
    const subject = new Subject(test);
    subject.loader.isAutomatic = false;
    const started = subject.repository.start();
    await settle();
    assert.deepEqual(subject.loads, ["a/1", "b/1"]);
    assert.equal(subject.repository.isServerReady, false);
    await subject.loader.loads[0]?.succeed();
    assert.equal(subject.repository.isServerReady, false);
    await subject.loader.loads[1]?.succeed();
    await started;
    assert.equal(subject.repository.isServerReady, true);
  });

  it("a model that fails does not keep the start from ending, but the server from being ready", async (test) => {
    const subject = new Subject(test);
    subject.loader.isAutomatic = false;
    const started = subject.repository.start();
    await settle();
    await subject.loader.loads[0]?.fail(new InferenceError("refused", "broken"));
    await subject.loader.loads[1]?.succeed();
    await started;
    assert.equal(subject.repository.isServerReady, false);
    assert.deepEqual(
      subject.repository.index(false).map(({ name, state, reason }) => `${name} ${state} ${reason}`.trim()),
      ["a UNAVAILABLE broken", "b READY"],
    );
  });

  it("under explicit control only the named models load, and one that is not there is reported", async (test) => {
    const subject = new Subject(test, { modelControl: "explicit", loadModels: ["b", "gone"] });
    await subject.repository.start();
    assert.deepEqual(subject.ready, ["b/1"]);
    assert.equal(subject.repository.isServerReady, false);
    assert.ok(subject.reports.some((text) => text.includes("not in the repository")));
    assert.deepEqual(
      subject.repository.index(false).map(({ name, state }) => `${name} ${state}`),
      ["b READY", "a UNAVAILABLE"],
    );
    const all = new Subject(test, { modelControl: "explicit", loadModels: ["*"] });
    await all.repository.start();
    assert.deepEqual(all.ready, ["a/1", "b/1"]);
  });
});

describe("readiness", () => {
  const restarting = new InferenceError("restarting", "crashed too often");

  it("once reached is kept when a model fails later, unless the server is strict", async (test) => {
    for (const isStrictlyReady of [false, true]) {
      const subject = new Subject(test, { isStrictlyReady });
      await subject.repository.start();
      assert.equal(subject.repository.isServerReady, true);
      subject.loader.versions[0]?.setUnavailable(restarting);
      assert.equal(subject.repository.isServerReady, !isStrictlyReady);
    }
  });

  it("ends with the drain, and whoever watches hears it", async (test) => {
    const subject = new Subject(test);
    await subject.repository.start();
    const heard: string[] = [];
    const stop = subject.repository.watch((name) => heard.push(name));
    void subject.repository.drain();
    assert.equal(subject.repository.isServerReady, false);
    assert.deepEqual(heard.sort(), ["a", "b"]);
    stop();
    subject.loader.versions[0]?.setUnavailable(restarting);
    assert.equal(heard.length, 2);
  });
});

describe("polling", () => {
  const polling = { modelControl: "poll" } as const;

  it("loads a new model once it was seen unchanged twice", async (test) => {
    const subject = new Subject(test, polling);
    await subject.repository.start();
    subject.write("c/1/model.onnx", "half");
    await subject.poll();
    subject.write("c/1/model.onnx", "half and more");
    await subject.poll();
    assert.deepEqual(subject.loads, ["a/1", "b/1"]);
    await subject.poll();
    assert.deepEqual(subject.loads, ["a/1", "b/1", "c/1"]);
    await subject.poll(3);
    assert.equal(subject.loads.length, 3);
  });

  it("reloads a changed model, and one that failed only when it changes again", async (test) => {
    const subject = new Subject(test, polling);
    await subject.repository.start();
    subject.loader.isAutomatic = false;
    subject.write("a/1/model.onnx", "second");
    await subject.poll(2);
    await subject.loader.last.fail(new InferenceError("refused", "broken"));
    await subject.poll(3);
    assert.equal(subject.loads.length, 3);
    assert.deepEqual(subject.ready, ["a/1", "b/1"]);
    subject.write("a/1/model.onnx", "third time");
    await subject.poll(2);
    await subject.loader.last.succeed();
    assert.equal(subject.loads.length, 4);
  });

  it("takes a configuration that appears or changes as a change", async (test) => {
    const subject = new Subject(test, polling);
    await subject.repository.start();
    subject.write("a/config.pbtxt", "max_batch_size: 3");
    await subject.poll(2);
    assert.equal(subject.loader.last.source.config.max_batch_size, 3);
    assert.equal(subject.loads.length, 3);
  });

  it("unloads a model that is gone at two looks, not one that is only being replaced", async (test) => {
    const subject = new Subject(test, polling);
    await subject.repository.start();
    rmSync(join(subject.root, "a"), { recursive: true });
    await subject.poll();
    assert.deepEqual(subject.ready, ["a/1", "b/1"]);
    subject.write("a/1/model.onnx", "second");
    await subject.poll(2);
    assert.deepEqual(subject.loads, ["a/1", "b/1", "a/1"]);
    rmSync(join(subject.root, "a"), { recursive: true });
    await subject.poll(2);
    assert.deepEqual(subject.ready, ["b/1"]);
    subject.loader.versions.at(-1)?.finish(); // its last answer
    subject.write("a/1/model.onnx", "second");
    await subject.poll(2);
    assert.deepEqual(subject.ready.sort(), ["a/1", "b/1"], "and back it comes");
  });

  it("goes on serving while the repository cannot be read", async (test) => {
    const subject = new Subject(test, polling);
    await subject.repository.start();
    rmSync(subject.root, { recursive: true });
    await subject.poll(3);
    assert.deepEqual(subject.ready, ["a/1", "b/1"]);
    assert.ok(subject.reports.some((text) => text.includes("cannot be read")));
  });

  it("ends with the drain", async (test) => {
    const subject = new Subject(test, polling);
    await subject.repository.start();
    void subject.repository.drain();
    assert.equal(subject.clock.timers, 0);
  });
});

describe("loading by request", () => {
  const explicit = { modelControl: "explicit" } as const;

  it("is refused outside explicit control", async (test) => {
    for (const modelControl of ["none", "poll"] as const) {
      const { repository } = new Subject(test, { modelControl });
      await assert.rejects(repository.load("a", {}), /explicit model load \/ unload is not allowed/);
      await assert.rejects(repository.unload("a"), /explicit model load \/ unload is not allowed/);
    }
  });

  it("loads what is there, with the configuration that came along", async (test) => {
    const subject = new Subject(test, explicit);
    await subject.repository.start();
    assert.throws(() => subject.repository.find("a", ""), { message: "Request for unknown model: 'a' is not found" });
    await subject.repository.load("a", { config: '{"max_batch_size": 5}' });
    assert.equal(subject.loader.last.source.config.max_batch_size, 5);
    await assert.rejects(subject.repository.load("gone", {}), {
      message: "failed to load 'gone', failed to poll from model repository",
    });
    await assert.rejects(subject.repository.load("../a", {}), /failed to poll/);
    const unloaded = subject.repository.unload("a");
    subject.loader.versions[0]?.finish();
    await unloaded;
    assert.deepEqual(subject.ready, []);
  });

  it("takes files only where that is allowed, into a folder of their own that ends with the server", async (test) => {
    const files = new Map([["1/model.onnx", Buffer.from("given")]]);
    const closed = new Subject(test, explicit);
    await assert.rejects(closed.repository.load("a", { config: "{}", files }), { reason: "unsupported" });
    const subject = new Subject(test, { ...explicit, isFileOverrideAllowed: true });
    await assert.rejects(subject.repository.load("a", { files }), /override config must be specified/);
    for (const path of [
      "../1/model.onnx",
      "1/../model.onnx",
      "1/..",
      "1/a/b",
      "0/model.onnx",
      "x/model.onnx",
      "/1/model.onnx",
      "1/",
    ]) {
      await assert.rejects(
        subject.repository.load("a", { config: "{}", files: new Map([[path, Buffer.from("")]]) }),
        { reason: "invalid" },
        path,
      );
    }
    await subject.repository.load("new", { config: "{}", files });
    const { file } = subject.loader.last.source;
    assert.equal(readFileSync(file, "utf8"), "given");
    assert.equal(file.startsWith(subject.root), false);
    const drained = subject.repository.drain();
    for (const version of subject.loader.versions) version.finish();
    await drained;
    assert.equal(existsSync(file), false);
  });
});
