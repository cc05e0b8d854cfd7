import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeNpy, encodeNpy } from "../../src/cli/npy.ts";
import { createTensor, readStrings } from "../../src/client/tensor-values.ts";
import { InferenceError } from "../../src/errors.ts";
import { datatypes, elementCount, itemBytes } from "../../src/tensor.ts";

/** An NPY file from its parts, for forms that we do not write ourselves. */
function npy(version: number, header: string, body: Uint8Array): Uint8Array {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.of(version, 0), length, Buffer.from(header), body]);
}

test("an array of any datatype is read as it was written", () => {
  const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
  const numeric = datatypes.filter((datatype) => datatype !== "BYTES");
  fc.assert(
    fc.property(fc.constantFrom(...numeric), shapes, fc.infiniteStream(fc.nat(255)), (datatype, shape, bytes) => {
      const data = Uint8Array.from(bytes.take(elementCount(shape) * itemBytes(datatype)));
      const tensor = { name: "", datatype, shape, data };
      const file = encodeNpy(tensor);
      assert.equal((file.byteLength - data.byteLength) % 64, 0);
      assert.deepEqual(decodeNpy(file), tensor);
    }),
  );
});

test("text is read as it was written, but for NULs at its end, which NumPy does not keep", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), (texts) => {
      const tensor = createTensor("", "BYTES", [texts.length], texts);
      assert.deepEqual(
        readStrings(decodeNpy(encodeNpy(tensor))),
        texts.map((text) => text.replace(/\0+$/, "")),
      );
    }),
  );
});

test("bytes that are no text become an S array", () => {
  const tensor = createTensor("", "BYTES", [2], [Uint8Array.of(255, 0, 1), Uint8Array.of(7)]);
  const file = encodeNpy(tensor);
  assert.match(Buffer.from(file).toString("latin1"), /'descr': '\|S3'/);
  assert.deepEqual(decodeNpy(file).data, tensor.data);
});

test("versions 2 and 3, Fortran order and headers without a final comma are read", () => {
  const body = new Uint8Array(Float32Array.of(1, 4, 2, 5, 3, 6).buffer);
  for (const version of [1, 2, 3]) {
    const file = npy(version, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}\n", body);
    const tensor = decodeNpy(file);
    assert.deepEqual(tensor.shape, [2, 3]);
    assert.deepEqual(new Float32Array(new Uint8Array(tensor.data).buffer), Float32Array.of(1, 2, 3, 4, 5, 6));
  }
  const scalar = decodeNpy(npy(1, "{'descr':'|b1','fortran_order':False,'shape':()}", Uint8Array.of(1)));
  assert.deepEqual(scalar, { name: "", datatype: "BOOL", shape: [], data: Buffer.of(1) });
});

test("what cannot be read is refused with what is allowed", () => {
  const header = (descr: string) => `{'descr': '${descr}', 'fortran_order': False, 'shape': (1,), }`;
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [Buffer.from("hello"), /magic bytes/],
    [npy(4, "{}", Buffer.of()), /version 4, expected 1, 2 or 3/],
    [npy(1, header(">f4"), Buffer.alloc(4)), /'>f4' has no datatype.*astype\('<f4'\)/],
    [npy(1, header("<c8"), Buffer.alloc(8)), /'<c8' has no datatype/],
    [npy(1, header("|O"), Buffer.alloc(8)), /'\|O' has no datatype/],
    [npy(1, header("<f4"), Buffer.alloc(3)), /takes 4 bytes, the file holds 3/],
    [npy(1, "{'descr': [('a', '<f4')]}", Buffer.alloc(4)), /arrays of records are not read/],
    [npy(1, header("<f4"), Buffer.alloc(4)).subarray(0, 20), /ends inside its header/],
    [npy(1, header("<f4"), Buffer.alloc(4)).subarray(0, 8), /ends inside its header/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(
      () => decodeNpy(bytes),
      (error) => error instanceof InferenceError && message.test(error.message),
    );
  }
});

test("text and bytes of more elements than a call has room for arguments", () => {
  const count = 200_000;
  for (const element of ["ab", Uint8Array.of(0xff, 1)]) {
    const { shape, data } = decodeNpy(encodeNpy(createTensor("", "BYTES", [count], Array(count).fill(element))));
    assert.deepEqual(shape, [count]);
    assert.equal(data.byteLength, count * 6);
  }
});
