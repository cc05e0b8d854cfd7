import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createTensor, readStrings, readTensor, type TensorElement } from "../../src/client/tensor-values.ts";
import type { Datatype, Tensor } from "../../src/tensor.ts";

const fixtures = join(import.meta.dirname, "..", "fixtures");

/** A line of zoo/index.json or torch/index.json; test/fixtures/zoo/README.md tells what the fields mean. */
export interface FixtureEntry {
  readonly name: string;
  readonly expect: "serve" | "refuse";
  readonly why: string;
  readonly batchable: boolean | null;
  readonly mixesRows?: true;
  readonly endless?: true;
  readonly needs?: string;
}

export interface ExpectedModel {
  readonly tolerance: Tolerance;
  readonly cases: readonly ExpectedCase[];
}

export interface ExpectedCase {
  readonly name: string;
  readonly inputs: readonly JsonTensor[];
  readonly outputs?: readonly JsonTensor[];
  readonly fails?: true;
}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

interface JsonTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly (number | string | boolean)[];
}

/** The folder of a set of fixtures. */
export function fixtureFolder(set: "zoo" | "torch" | "broken" | "images" | "audio"): string {
  return join(fixtures, set);
}

export function fixtureIndex(set: "zoo" | "torch"): readonly FixtureEntry[] {
  return JSON.parse(readFileSync(join(fixtures, set, "index.json"), "utf8")) as FixtureEntry[];
}

/** The answers that ONNX Runtime gave when the fixture was written. */
export function expectedModel(set: "zoo" | "torch", name: string): ExpectedModel {
  return JSON.parse(readFileSync(join(fixtures, set, name, "expected.json"), "utf8")) as ExpectedModel;
}

/** A tensor of expected.json in raw layout. */
export function tensorOf({ name, datatype, shape, data }: JsonTensor): Tensor {
  return createTensor(
    name,
    datatype,
    shape,
    data.map((value) => elementOf(datatype, value)),
  );
}

function elementOf(datatype: Datatype, value: number | string | boolean): TensorElement {
  if (datatype === "BYTES" || typeof value !== "string") return value;
  return datatype.startsWith("FP") ? Number(value) : BigInt(value);
}

/** Throws an AssertionError that names the output and the first element that differ. */
export function assertAnswers(got: readonly Tensor[], expected: readonly Tensor[], tolerance: Tolerance): void {
  assert.deepEqual(got.map(({ name }) => name).sort(), expected.map(({ name }) => name).sort());
  for (const want of expected) {
    const have = got.find(({ name }) => name === want.name) as Tensor; // the names are equal
    assertClose(have, want, tolerance);
  }
}

/** Throws an AssertionError unless two tensors agree: floats within the tolerance, all else exactly. */
export function assertClose(have: Tensor, want: Tensor, tolerance: Tolerance): void {
  assert.deepEqual([have.datatype, have.shape], [want.datatype, want.shape], `output '${want.name}'`);
  if (want.datatype === "BYTES") {
    assert.deepEqual(readStrings(have), readStrings(want));
    return;
  }
  const a = readTensor(have) as ArrayLike<number | bigint | boolean>; // not BYTES
  const b = readTensor(want) as ArrayLike<number | bigint | boolean>;
  for (let i = 0; i < b.length; i++) {
    if (!agree(a[i], b[i], tolerance)) assert.fail(`output '${want.name}' element ${i} is ${a[i]}, expected ${b[i]}`);
  }
}

function agree(a: unknown, b: unknown, { relative, absolute }: Tolerance): boolean {
  if (Object.is(a, b) || a === b) return true;
  return typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= absolute + relative * Math.abs(b);
}
