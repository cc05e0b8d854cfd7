import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ClientError } from "../../../src/client/client-error.ts";
import { toInferenceRequest } from "../../../src/client/infer-options.ts";
import { createTensor } from "../../../src/client/tensor-values.ts";
import { encodeInferRequest } from "../../../src/protocol/infer-request.ts";
import { statusCodes } from "../../../src/protocol/status.ts";
import { RawClient } from "../../support/raw-call.ts";
import {
  assertAnswers,
  fileEnding,
  identityQuestion,
  type Question,
  ReliabilitySubject,
} from "../../support/reliability-subject.ts";

/** The kinds of security-reliability: P (protobuf), T (tensors), N1 (names), M (administration) at the real server, through every layer. */

const subject = await ReliabilitySubject.start(fileEnding, {
  identity: { zoo: "identity_fp32" },
  text: { zoo: "identity_string" },
  fixed: { zoo: "identity_fp32", config: "max_batch_size: 4\ndynamic_batching { }\n" },
});
const raw = new RawClient(fileEnding, subject.server.grpcAddress);
const client = subject.client();
const { INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, OK } = statusCodes;

const good = identityQuestion(5);
const goodBytes = encode(good.request);

function encode(request: Question["request"]): Buffer {
  return encodeInferRequest(toInferenceRequest(request));
}

/** The server lives, the next good request is answered, nothing is held. */
async function assertUnharmed(): Promise<void> {
  assertAnswers(good, await client.infer(good.request));
  await subject.isAtRest();
}

// Protobuf by hand: field number, wire type, payload.
const varint = (value: number | bigint): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
};
const tag = (field: number, type: number) => varint(field * 8 + type);
const bytesField = (field: number, bytes: Uint8Array | string) =>
  Buffer.concat([tag(field, 2), varint(Buffer.byteLength(bytes)), Buffer.from(bytes as string)]);
const message = (...parts: Buffer[]) => Buffer.concat(parts);

/** An input as clients may lie about it: shape by value, contents by bytes. */
function input(name: string, datatype: string, shape: readonly (number | bigint)[], ...more: Buffer[]): Buffer {
  const dims = Buffer.concat(shape.map(varint));
  return bytesField(5, message(bytesField(1, name), bytesField(2, datatype), bytesField(3, dims), ...more));
}
const rawContents = (bytes: Uint8Array) => bytesField(7, bytes);
const floats = (count: number) => Buffer.alloc(count * 4);
const named = (model: string, ...parts: Buffer[]) => message(bytesField(1, model), ...parts);
const identity = (...parts: Buffer[]) => named("identity", ...parts);
const typedFloats = (count: number) => bytesField(5, bytesField(6, floats(count)));
const typedIntegers = bytesField(5, bytesField(2, varint(1)));
const element = (length: number, text: string) => {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(text));
  bytes.writeUInt32LE(length);
  bytes.write(text, 4);
  return bytes;
};

/** Refused on a call, and split on a stream. */
const splitOnStreams = "T8 batch above a written max_batch_size";

const refused: Readonly<Record<string, Buffer>> = {
  "P1 truncated": goodBytes.subarray(0, goodBytes.length - 5),
  "P1 wrong wire type": message(tag(1, 0), varint(7)),
  "P1 group": message(bytesField(1, "identity"), tag(3, 3)),
  "P1 varint without end": Buffer.alloc(11, 0xff),
  "P1 field number 0": message(tag(0, 0), varint(1)),
  "P1 overlong UTF-8": bytesField(1, Buffer.from([0xc0, 0xaf])),
  "P1 length past the end": message(tag(1, 2), varint(2 ** 40)),
  "P2 groups within groups": Buffer.alloc(5_000, 0x0b),
  "T1 product overflows to a plausible size": identity(input("X", "FP32", [4, 2n ** 60n + 2n]), rawContents(floats(8))),
  "T2 negative dimension": identity(input("X", "FP32", [-1, 4]), rawContents(floats(4))),
  "T2 dimension above 2^53": identity(input("X", "FP32", [2n ** 62n, 4]), rawContents(floats(4))),
  "T2 rank 1000": identity(input("X", "FP32", new Array(1000).fill(1)), rawContents(floats(1))),
  "T2 zero dimension that the model does not allow": identity(input("X", "FP32", [1, 0]), rawContents(floats(0))),
  "T3 short": identity(input("X", "FP32", [2, 4]), rawContents(floats(7))),
  "T3 long": identity(input("X", "FP32", [2, 4]), rawContents(floats(9))),
  "T3 empty": identity(input("X", "FP32", [2, 4]), rawContents(floats(0))),
  "T3 nothing": identity(input("X", "FP32", [2, 4])),
  "T4 contents and raw": identity(input("X", "FP32", [1, 4], typedFloats(4)), rawContents(floats(4))),
  "T4 two raw for one input": identity(input("X", "FP32", [1, 4]), rawContents(floats(4)), rawContents(floats(4))),
  "T4 typed list of the wrong type": identity(input("X", "FP32", [1, 1], typedIntegers)),
  "T5 missing input": identity(),
  "T5 unknown input": identity(input("Z", "FP32", [1, 4]), rawContents(floats(4))),
  "T5 extra input": identity(
    input("X", "FP32", [1, 4]),
    input("Z", "FP32", [1, 4]),
    rawContents(floats(4)),
    rawContents(floats(4)),
  ),
  "T5 input twice": identity(
    input("X", "FP32", [1, 4]),
    input("X", "FP32", [1, 4]),
    rawContents(floats(4)),
    rawContents(floats(4)),
  ),
  "T5 input without name": identity(input("", "FP32", [1, 4]), rawContents(floats(4))),
  "T5 unknown output": message(goodBytes, bytesField(6, bytesField(1, "Q"))),
  "T5 output twice": message(goodBytes, bytesField(6, bytesField(1, "Y")), bytesField(6, bytesField(1, "Y"))),
  "T5 wrong datatype": identity(input("X", "INT64", [1, 4]), rawContents(Buffer.alloc(32))),
  "T5 unknown datatype": identity(input("X", "FP7", [1, 4]), rawContents(floats(4))),
  "T6 element length 2^32 - 1": named("text", input("X", "BYTES", [1, 1]), rawContents(element(0xffff_ffff, "ab"))),
  "T6 element past the end": named("text", input("X", "BYTES", [1, 1]), rawContents(element(3, "ab"))),
  "T6 one element too many": named(
    "text",
    input("X", "BYTES", [1, 1]),
    rawContents(Buffer.concat([element(1, "a"), element(1, "b")])),
  ),
  "T6 no UTF-8": named("text", input("X", "BYTES", [1, 1]), rawContents(Buffer.from([1, 0, 0, 0, 0xff]))),
  [splitOnStreams]: named("fixed", input("X", "FP32", [5, 4]), rawContents(floats(20))),
  "N1 bad version": message(goodBytes, bytesField(2, "../1")),
};

test("malformed protobuf and impossible tensors: INVALID_ARGUMENT on a call, in-band on a stream", async () => {
  const cases = Object.entries(refused);
  for (const [name, bytes] of cases) {
    const { code, details } = await raw.unary("ModelInfer", bytes);
    assert.equal(code, INVALID_ARGUMENT, `${name}: ${code} ${details}`);
    assert.ok(details.length > 0, name);
    assert.doesNotMatch(details, /\n|node:|\.ts\b|\/\w+\/\w+\/|at Object/, name);
  }
  await assertUnharmed();
  const { status, responses } = await raw.stream([...cases.map(([, bytes]) => bytes), goodBytes]);
  assert.equal(status.code, OK);
  assert.equal(responses.length, cases.length + 1);
  for (const [i, { errorMessage }] of responses.entries()) {
    const name = cases[i]?.[0] ?? "good";
    assert.equal(errorMessage !== "", i < cases.length && name !== splitOnStreams, name);
  }
  await assertUnharmed();
});

test("P3 and N1: names and keys that other languages trip over", async () => {
  for (const name of [
    "__proto__",
    "constructor",
    "toString",
    "...",
    "..m",
    "m..1",
    "x".repeat(256),
    " ",
    "\u202e",
    "a\0b",
  ]) {
    const { code } = await raw.unary("ModelInfer", named(name, input("X", "FP32", [1, 4]), rawContents(floats(4))));
    assert.ok(code === NOT_FOUND || code === INVALID_ARGUMENT, `${JSON.stringify(name)}: ${code}`);
  }
  for (const name of ["../etc", "a/../b", "..", "/etc/passwd", "identity/", "identity/1"]) {
    const { code } = await raw.unary("ModelInfer", named(name, input("X", "FP32", [1, 4]), rawContents(floats(4))));
    assert.ok(code === NOT_FOUND || code === INVALID_ARGUMENT, `${name}: ${code}`);
    await assert.rejects(client.ready(name), (error: ClientError) => error.code === code);
  }
  const keys = ["__proto__", "constructor", "hasOwnProperty", "toString"];
  const map = new Map(keys.map((key) => [key, "polluted"]));
  assertAnswers(good, await client.infer({ ...good.request, parameters: map }));
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  await assertUnharmed();
});

test("T7: NaN, infinities, denormals and -0 pass through", async () => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45];
  const tensor = createTensor("X", "FP32", [1, 4], Float32Array.from(values));
  const { outputs } = await client.infer({ model: "identity", inputs: [tensor] });
  assert.deepEqual(outputs[0]?.data, Buffer.from(tensor.data));
  await assertUnharmed();
});

test("M1: loading and unloading are off, shared memory, trace and log settings do not exist", async () => {
  for (const method of ["RepositoryModelLoad", "RepositoryModelUnload"]) {
    const { code } = await raw.unary(method, bytesField(2, "identity"));
    assert.ok(
      code === UNIMPLEMENTED || code === statusCodes.UNAVAILABLE || code === statusCodes.PERMISSION_DENIED,
      `${method}: ${code}`,
    );
  }
  for (const method of ["SystemSharedMemoryRegister", "CudaSharedMemoryStatus", "TraceSetting", "LogSettings"]) {
    assert.equal((await raw.unary(method, Buffer.alloc(0))).code, UNIMPLEMENTED, method);
  }
  await assertUnharmed();
});

test("M3: names that clients invent make no series", async () => {
  const before = (await subject.metrics()).size;
  for (let i = 0; i < 300; i++) {
    const bytes = named(`invented${i}`, input("X", "FP32", [1, 4]), rawContents(floats(4)));
    assert.equal((await raw.unary("ModelInfer", message(bytes, bytesField(3, `id${i}`)))).code, NOT_FOUND);
  }
  const grown = (await subject.metrics()).size - before;
  assert.ok(grown < 60, `${grown} new series`);
});

test("M4: random and damaged requests never crash, never are our own fault, and leave nothing behind", async () => {
  const damaged = fc
    .tuple(fc.nat(goodBytes.length - 1), fc.nat(255), fc.nat(3), fc.uint8Array({ maxLength: 12 }))
    .map(([at, value, kind, inserted]) => {
      const copy = Buffer.from(goodBytes);
      if (kind === 0) copy[at] = value;
      if (kind === 1) return copy.subarray(0, at);
      if (kind === 2) return Buffer.concat([copy.subarray(0, at), inserted, copy.subarray(at)]);
      if (kind === 3) return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1)]);
      return copy;
    });
  const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const batches = fc.array(fc.oneof({ weight: 3, arbitrary: damaged }, random), { minLength: 8, maxLength: 32 });
  const allowed = new Set<number>([OK, INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED]);
  await fc.assert(
    fc.asyncProperty(batches, async (messages) => {
      const statuses = await Promise.all(messages.map((bytes) => raw.unary("ModelInfer", bytes)));
      for (const { code, details } of statuses) assert.ok(allowed.has(code), `${code} ${details}`);
      const { status, responses } = await raw.stream(messages);
      assert.equal(status.code, OK);
      assert.equal(responses.length, messages.length);
    }),
    { numRuns: 40, seed: 20_260_101 },
  );
  await assertUnharmed();
});
