import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { decodeNpy, encodeNpy } from "../../src/cli/npy.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import { type ByteSource, memorySource, streamSource } from "../../src/training/byte-source.ts";
import { encodeNpyHeader } from "../../src/training/npy-format.ts";
import { openNpyTable } from "../../src/training/npy-table.ts";
import { joined, readAll } from "../support/table-batches.ts";

const inMemory = (bytes: Uint8Array) => memorySource(Buffer.from(bytes), "t.npy");

/** The bytes in chunks of an odd size. */
function streamed(bytes: Uint8Array): ByteSource {
  const chunks = Array.from({ length: Math.ceil(bytes.byteLength / 13) }, (_, i) =>
    Buffer.from(bytes.subarray(i * 13, i * 13 + 13)),
  );
  return streamSource(Readable.from(chunks), "t.npy");
}

test("rows of any array come in batches, from memory and from a stream", async () => {
  const shape = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom([], [3], [2, 2]));
  await fc.assert(
    fc.asyncProperty(shape, fc.integer({ min: 1, max: 4 }), async ([rows, rest], rowsPerBatch) => {
      const count = rows * rest.reduce((product, dimension) => product * dimension, 1);
      const values = Int16Array.from({ length: count }, (_, i) => i - 7);
      const bytes = encodeNpy(createTensor("", "INT16", [rows, ...rest], values));
      for (const source of [inMemory(bytes), streamed(bytes)]) {
        const table = await openNpyTable(source);
        assert.deepEqual([table.rowCount, table.columns], [rows, [{ name: "", datatype: "INT16", shape: rest }]]);
        const batches = await readAll(table, { groups: [{ columns: [0], datatype: "INT16" }], rowsPerBatch });
        assert.deepEqual(joined(batches), [...values]);
        assert.equal(batches.length, Math.ceil(rows / rowsPerBatch));
      }
    }),
  );
});

test("an array in Fortran order has the same rows", async () => {
  const body = Buffer.from(Float32Array.from({ length: 12 }, (_, i) => i).buffer);
  const header = Buffer.from(encodeNpyHeader("<f4", [3, 2, 2]))
    .toString("latin1")
    .replace("False", "True ");
  const bytes = Buffer.concat([Buffer.from(header, "latin1"), body]);
  const table = await openNpyTable(inMemory(bytes));
  const batches = await readAll(table, { groups: [{ columns: [0], datatype: "FP32" }], rowsPerBatch: 2 });
  assert.deepEqual(joined(batches), Array.from(readTensor(decodeNpy(bytes)) as Float32Array));
  await assert.rejects(
    async () =>
      readAll(await openNpyTable(streamed(bytes)), { groups: [{ columns: [0], datatype: "FP32" }], rowsPerBatch: 2 }),
    { message: /Fortran order cannot be read from a stream/ },
  );
});

test("reading goes on from any row, and text is read", async () => {
  const table = await openNpyTable(inMemory(encodeNpy(createTensor("", "BYTES", [3], ["a", "ü", "ccc"]))));
  const from = { row: 1, byte: 0, line: 0 };
  const batches = await readAll(table, { groups: [{ columns: [0], datatype: "BYTES" }], rowsPerBatch: 5, from });
  assert.deepEqual(joined(batches).map(String), ["ü", "ccc"]);
  assert.equal(batches[0]?.firstRow, 1);
});

test("whole numbers become floats, fractions never become whole numbers", async () => {
  const doubles = await openNpyTable(inMemory(encodeNpy(createTensor("", "FP64", [2], [1, 2]))));
  const integers = await openNpyTable(inMemory(encodeNpy(createTensor("", "INT64", [2], [1, 300]))));
  const read = (table: typeof doubles, datatype: "FP32" | "INT8") =>
    readAll(table, { groups: [{ columns: [0], datatype }], rowsPerBatch: 5 });
  assert.deepEqual(joined(await read(doubles, "FP32")), [1, 2]);
  assert.deepEqual(joined(await read(integers, "FP32")), [1, 300]);
  await assert.rejects(read(doubles, "INT8"), { message: "t.npy: holds FP64 [] a row, which cannot become INT8" });
  await assert.rejects(read(integers, "INT8"), {
    message: "t.npy: the value in row 1 is 300, expected an integer (INT8)",
  });
});

test("a broken file is refused", async () => {
  const bytes = encodeNpy(createTensor("", "FP32", [4], [1, 2, 3, 4]));
  const reading = { groups: [{ columns: [0], datatype: "FP32" as const }], rowsPerBatch: 3 };
  await assert.rejects(openNpyTable(inMemory(bytes.subarray(0, -1))), {
    message: "t.npy: an array <f4 [4] takes 16 bytes, the file holds 15",
  });
  await assert.rejects(async () => readAll(await openNpyTable(streamed(bytes.subarray(0, -1))), reading), {
    message: "t.npy, row 3: the file ends here, its header says 4 rows",
  });
  await assert.rejects(openNpyTable(inMemory(encodeNpy(createTensor("", "FP32", [], [1])))), {
    message: /a scalar has no rows/,
  });
  await assert.rejects(openNpyTable(inMemory(Buffer.from("hello"))), { message: /magic bytes/ });
});
