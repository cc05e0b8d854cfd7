import assert from "node:assert/strict";
import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { RepositoryFolder, type ScannedModel } from "../../../src/runtime/repository/repository-scan.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A folder with these files; a text starting with `->` makes a link. */
function folderOf(test: TestContext, files: Readonly<Record<string, string>>): string {
  const root = temporaryFolder(test);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (text.startsWith("->")) symlinkSync(text.slice(2), join(root, path));
    else writeFileSync(join(root, path), text);
  }
  return root;
}

/** `name: version=file …` or `name! reason`. */
function told(models: Iterable<ScannedModel>): string[] {
  return [...models].map(({ name, versions, error }) =>
    error === undefined
      ? `${name}: ${versions.map(({ version, file }) => `${version}=${file.split("/").at(-1)}`).join(" ")}`
      : `${name}! ${error.reason} ${error.message}`,
  );
}

const scan = (path: string) => told(new RepositoryFolder(path).scan().values());

describe("Triton's layout", () => {
  it("serves the latest version, or those that the configuration chooses", (test) => {
    const versions = { "1/model.onnx": "", "2/model.onnx": "", "10/model.onnx": "" };
    const under = (name: string, config: string) =>
      Object.fromEntries([
        ...Object.entries(versions).map(([path, text]) => [`${name}/${path}`, text]),
        [`${name}/config.pbtxt`, config],
      ]);
    const root = folderOf(test, {
      ...under("a", ""),
      ...under("b", "version_policy { all {} }"),
      ...under("c", "version_policy { latest { num_versions: 2 } }"),
      ...under("d", "version_policy { specific { versions: [1, 2] } }"),
      ...under("e", "version_policy { specific { versions: [3] } }"),
    });
    assert.deepEqual(scan(root), [
      "a: 10=model.onnx",
      "b: 1=model.onnx 2=model.onnx 10=model.onnx",
      "c: 2=model.onnx 10=model.onnx",
      "d: 1=model.onnx 2=model.onnx",
      "e! refused model 'e' has no version that its version policy chooses",
    ]);
  });

  it("needs no configuration, and takes the file of another name when it is the only one", (test) => {
    const root = folderOf(test, {
      "a/1/network.onnx": "",
      "b/1/model.onnx": "",
      "b/1/other.onnx": "",
      "c/1/one.onnx": "",
      "c/1/two.onnx": "",
      "d/1/x.onnx": "",
      "d/1/y.onnx": "",
      "d/config.pbtxt": 'default_model_filename: "y.onnx"',
      "e/1/z.onnx": "",
      "e/config.pbtxt": 'default_model_filename: ""',
    });
    assert.deepEqual(scan(root), [
      "a: 1=network.onnx",
      "b: 1=model.onnx",
      "c! refused model 'c' version 1 has no file 'model.onnx'",
      "d: 1=y.onnx",
      "e: 1=z.onnx",
    ]);
  });

  it("passes over what is no model", (test) => {
    const root = folderOf(test, {
      "README.md": "",
      "notes/todo.txt": "",
      ".git/1/model.onnx": "",
      "a/1/model.onnx": "",
      "a/01/model.onnx": "",
      "a/latest/model.onnx": "",
      "a/-1/model.onnx": "",
    });
    assert.deepEqual(scan(root), ["a: 1=model.onnx"]);
    assert.equal(new RepositoryFolder(root).find(".git"), undefined);
    assert.equal(new RepositoryFolder(root).find("notes"), undefined);
  });

  it("tells what is wrong with a model and serves the others", (test) => {
    const root = folderOf(test, {
      "bad/1/model.onnx": "",
      "bad/config.pbtxt": "max_batch_size: lots",
      "empty/config.pbtxt": "",
      "good/1/model.onnx": "",
      "path/1/model.onnx": "",
      "path/config.pbtxt": 'default_model_filename: "../../good/1/model.onnx"',
    });
    const [bad, empty, good, path] = scan(root);
    assert.match(bad!, /^bad! refused config.pbtxt line 1: /);
    assert.match(empty!, /^empty! refused .*no version/);
    assert.equal(good, "good: 1=model.onnx");
    assert.match(path!, /^path! refused invalid default_model_filename '..\/..\/good\/1\/model.onnx'/);
  });

  it("a folder that cannot be read is that model's error, not the repository's", {
    skip: process.getuid?.() === 0 && "root reads everything",
  }, (test) => {
    const root = folderOf(test, { "a/1/model.onnx": "", "lost/1/model.onnx": "" });
    mkdirSync(join(root, "locked"), { mode: 0o000 });
    assert.deepEqual(scan(root).slice(0, 1), ["a: 1=model.onnx"]);
  });
});

describe("links", () => {
  it("are followed within the repository and refused out of it", (test) => {
    const outside = folderOf(test, { "secret/1/model.onnx": "", "lone.onnx": "" });
    const root = folderOf(test, {
      "a/1/model.onnx": "",
      "b/1/model.onnx": "->../../a/1/model.onnx",
      c: "->a",
      "out-file/1/model.onnx": `->${outside}/secret/1/model.onnx`,
      "out-folder": `->${outside}/secret`,
      "out-lone.onnx": `->${outside}/lone.onnx`,
      "out-version/1": `->${outside}/secret/1`,
    });
    assert.deepEqual(scan(root), [
      "a: 1=model.onnx",
      "b: 1=model.onnx",
      "c: 1=model.onnx",
      "out-file! refused model file 'model.onnx' is a link that leads out of the model repository",
      "out-folder! refused model file 'model.onnx' is a link that leads out of the model repository",
      "out-lone! refused model file 'out-lone.onnx' is a link that leads out of the model repository",
      "out-version! refused model file 'model.onnx' is a link that leads out of the model repository",
    ]);
  });

  it("may lead to the repository itself, and may lead nowhere", (test) => {
    const root = folderOf(test, { "models/a/1/model.onnx": "", repository: "->models" });
    assert.deepEqual(scan(join(root, "repository")), ["a: 1=model.onnx"]);
    const broken = folderOf(test, { "a/1/model.onnx": "->nowhere", "gone.onnx": "->nowhere", "b/1/model.onnx": "" });
    assert.match(scan(broken).join("\n"), /^a! refused model 'a' version 1 has no file 'model.onnx'\nb: 1=model.onnx/);
  });
});

describe("other layouts", () => {
  it("a single file is version 1 of a model of its name", (test) => {
    const root = folderOf(test, { "m.onnx": "", "n.onnx": "", "d/1/model.onnx": "" });
    const folder = new RepositoryFolder(join(root, "m.onnx"));
    assert.deepEqual(told(folder.scan().values()), ["m: 1=m.onnx"]);
    assert.equal(folder.find("n"), undefined);
  });

  it("a folder of files", (test) => {
    const root = folderOf(test, { "b.onnx": "", "a.onnx": "", "a.onnx.data": "" });
    assert.deepEqual(scan(root), ["a: 1=a.onnx", "b: 1=b.onnx"]);
  });

  it("one model folder of a repository", (test) => {
    const root = folderOf(test, {
      "m/1/model.onnx": "",
      "m/2/model.onnx": "",
      "m/config.pbtxt": "",
      "n/1/model.onnx": "",
    });
    assert.deepEqual(scan(join(root, "m")), ["m: 2=model.onnx"]);
  });

  it("nothing, or something else", (test) => {
    const root = folderOf(test, { "notes.txt": "" });
    assert.throws(() => new RepositoryFolder(join(root, "gone")), { reason: "invalid", message: /does not exist/ });
    assert.throws(() => new RepositoryFolder(join(root, "notes.txt")), {
      reason: "invalid",
      message: /neither a folder nor an .onnx file/,
    });
  });
});

describe("find", () => {
  it("gives the model of exactly that name, with the configuration of the caller", (test) => {
    const root = folderOf(test, {
      "m/1/model.onnx": "",
      "m/2/model.onnx": "",
      "n.onnx": "",
      "o.onnx/1/model.onnx": "",
    });
    const folder = new RepositoryFolder(root);
    const config = { version_policy: { all: {} }, max_batch_size: 3 };
    assert.deepEqual(
      folder.find("m", config)?.versions.map((source) => [source.version, source.config.max_batch_size]),
      [
        ["1", 3],
        ["2", 3],
      ],
    );
    assert.equal(folder.find("n", config)?.versions[0]?.config, config);
    assert.equal(folder.find("n.onnx"), undefined, "that is the file's name");
    for (const name of ["", ".", "..", "m/1", "../m", "o"]) assert.equal(folder.find(name), undefined, name);
  });
});

it("a name that a folder and a file share is refused, whichever comes first", (test) => {
  const root = folderOf(test, { "m/1/model.onnx": "", "m.onnx": "", "n.onnx": "" });
  const text = "m! refused model 'm' is in the repository twice, as a folder and as a file 'm.onnx'";
  assert.deepEqual(scan(root), [text, "n: 1=n.onnx"]);
  assert.deepEqual(told([new RepositoryFolder(root).find("m")!]), [text]);
});

it("a look in slices sees the same, and lets others in between", async (test) => {
  const files = Array.from({ length: 300 }, (_, i) => [`m${i}/1/model.onnx`, ""]);
  const folder = new RepositoryFolder(folderOf(test, Object.fromEntries(files)));
  let turns = 0;
  const counter = setInterval(() => turns++);
  const scanned = await folder.scanInSlices();
  clearInterval(counter);
  assert.deepEqual(scanned, folder.scan());
  assert.ok(turns > 0);
});

describe("the fingerprint", () => {
  it("changes with the file, the files beside it, the configuration and labels, and else not", (test) => {
    const root = folderOf(test, { "m/1/model.onnx": "abc", "m/labels.txt": "x" });
    const folder = new RepositoryFolder(root);
    const print = (config = {}) => folder.find("m", config)?.versions[0]?.fingerprint;
    const seen = [print()];
    assert.equal(print(), seen[0]);
    const changes: (() => void)[] = [
      () => writeFileSync(join(root, "m/1/model.onnx"), "abcd"),
      () => utimesSync(join(root, "m/1/model.onnx"), 1, 1),
      () => writeFileSync(join(root, "m/1/model.onnx.data"), "weights"),
      () => writeFileSync(join(root, "m/labels.txt"), "x y"),
      () => {
        writeFileSync(join(root, "m/1/new"), "efgh");
        utimesSync(join(root, "m/1/new"), 1, 1);
        renameSync(join(root, "m/1/new"), join(root, "m/1/model.onnx"));
      },
    ];
    for (const [index, change] of changes.entries()) {
      change();
      assert.ok(!seen.includes(print()), `change ${index}`);
      seen.push(print());
    }
    assert.notEqual(print({ max_batch_size: 3 }), print());
  });

  it("the size counts all files of the version", (test) => {
    const root = folderOf(test, { "m/1/model.onnx": "abc", "m/1/model.onnx.data": "12345" });
    assert.equal(new RepositoryFolder(root).find("m")?.versions[0]?.byteLength, 8);
  });
});
