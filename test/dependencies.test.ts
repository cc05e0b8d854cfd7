import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** Rules over package.json and package-lock.json: versions below these have known holes or break each other. */

const root = join(import.meta.dirname, "..");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly resolved?: string }>>;
};

/** The versions of a package that the lock file installs, wherever they lie. */
function versionsOf(name: string): readonly string[] {
  return Object.entries(packages)
    .filter(([path]) => path.endsWith(`node_modules/${name}`))
    .map(([, { version }]) => version);
}

function isAtLeast(version: string, minimum: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [i, wanted] of minimum.split(".").map(Number).entries()) {
    const part = parts[i] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

test("versions compare by number", () => {
  assert.ok(isAtLeast("7.10.0", "7.6.4"));
  assert.ok(isAtLeast("7.6.4", "7.6.4"));
  assert.ok(!isAtLeast("7.6.3", "7.6.4"));
  assert.ok(!isAtLeast("6.11.6", "7.6.4"));
});

test("dependencies are pinned to one exact version", () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
});

test("no protobufjs with known holes, ours or below another package", () => {
  const versions = versionsOf("protobufjs");
  assert.ok(versions.length > 0);
  for (const version of versions) assert.ok(isAtLeast(version, "7.6.4"), version);
});

test("one grpc-js, and none that trusts unverified certificates", () => {
  const versions = versionsOf("@grpc/grpc-js");
  assert.equal(versions.length, 1, versions.join(", "));
  assert.ok(isAtLeast(versions[0] ?? "", "1.14.5"), versions[0]);
});

test("one ONNX Runtime, with the common package of the same version", () => {
  const versions = [versionsOf("onnxruntime-node"), versionsOf("onnxruntime-common")];
  assert.deepEqual(versions[0], versions[1]);
  assert.equal(versions[0]?.length, 1);
  assert.ok(isAtLeast(versions[0]?.[0] ?? "", "1.28.1"));
});

test("one OpenTelemetry API, so that every part sees the same context", () => {
  assert.equal(versionsOf("@opentelemetry/api").length, 1);
});
