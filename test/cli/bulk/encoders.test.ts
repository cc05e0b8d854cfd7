import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createEncoder } from "../../../src/cli/bulk/encoders.ts";
import type { OutputElement, OutputRows } from "../../../src/cli/bulk/table-encoder.ts";
import { type Datatype, datatypes } from "../../../src/tensor.ts";
import { memorySource } from "../../../src/training/byte-source.ts";
import { createValueArray } from "../../../src/training/cell-values.ts";
import type { TableColumn, TableFormat } from "../../../src/training/table.ts";
import { openTableSource } from "../../../src/training/table-file.ts";
import { joined, readAll } from "../../support/table-batches.ts";

/** A table to write: columns, and rows in the pieces that the encoder gets. */
interface Draft {
  readonly columns: readonly TableColumn[];
  readonly pieces: readonly OutputRows[];
}

const floats = { noDefaultInfinity: true, noNaN: true } as const;

const elements: Readonly<Record<Datatype, fc.Arbitrary<OutputElement>>> = {
  BOOL: fc.boolean(),
  UINT8: fc.nat(255),
  UINT16: fc.nat(65_535),
  UINT32: fc.nat(2 ** 32 - 1),
  UINT64: fc.bigInt(0n, 2n ** 64n - 1n),
  INT8: fc.integer({ min: -128, max: 127 }),
  INT16: fc.integer({ min: -32_768, max: 32_767 }),
  INT32: fc.integer(),
  INT64: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  FP16: fc.integer({ min: -2048, max: 2048 }).map((value) => value / 16),
  FP32: fc.float(floats),
  FP64: fc.double(floats),
  BYTES: fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed()),
};

function draft(allowed: readonly Datatype[], columnCount: number): fc.Arbitrary<Draft> {
  const column = fc.record({
    datatype: fc.constantFrom(...allowed),
    shape: fc.constantFrom<readonly number[]>([], [1], [3], [2, 2]),
  });
  return fc.array(column, { minLength: 1, maxLength: columnCount }).chain((found) => {
    const columns = found.map((parts, i) => ({ name: `c${i}`, ...parts }));
    const piece = fc.integer({ min: 1, max: 5 }).chain((rowCount) => {
      const values = columns.map(({ datatype, shape }) => {
        const length = rowCount * shape.reduce((product, dimension) => product * dimension, 1);
        return fc
          .array(elements[datatype], { minLength: length, maxLength: length })
          .map((list) => asValues(datatype, list));
      });
      return fc.tuple(...values).map((list): OutputRows => ({ rowCount, values: list }));
    });
    return fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => ({ columns, pieces }));
  });
}

function asValues(datatype: Datatype, list: readonly OutputElement[]): OutputRows["values"][number] {
  const array = createValueArray(datatype, list.length);
  for (const [i, value] of list.entries()) assert.ok(array.setValue(i, value));
  return array.values;
}

/** Writes a table in one go. */
function encode(format: TableFormat, { columns, pieces }: Draft): Buffer {
  const encoder = createEncoder(format, columns, []);
  const parts = [encoder.begin(), ...pieces.map((rows) => encoder.add(rows)), encoder.end()];
  const bytes = Buffer.concat(parts);
  bytes.set(encoder.finalHead(pieces.reduce((sum, { rowCount }) => sum + rowCount, 0)) ?? []);
  return bytes;
}

/** The elements of each flat column of a draft. */
function expected({ columns, pieces }: Draft): readonly unknown[][] {
  return columns.flatMap(({ shape }, index) => {
    const width = shape.reduce((product, dimension) => product * dimension, 1);
    return Array.from({ length: width }, (_, element) =>
      pieces.flatMap(({ rowCount, values }) =>
        Array.from({ length: rowCount }, (__, row) => plain(values[index]?.[row * width + element])),
      ),
    );
  });
}

/** Negative zero is zero in text and in JSON. */
const plain = (value: unknown) => (value === 0 ? 0 : value);

async function decode(
  format: TableFormat,
  bytes: Buffer,
  written: readonly TableColumn[],
): Promise<readonly unknown[][]> {
  const table = await openTableSource(memorySource(bytes, `t.${format}`), format);
  const isFlat = table.columns.length > written.length;
  const columns = isFlat
    ? written.flatMap((column) => Array.from({ length: widthOf(column) }, () => column.datatype))
    : written.map(({ datatype }) => datatype);
  assert.equal(table.columns.length, columns.length);
  const groups = columns.map((datatype, index) => ({ columns: [index], datatype }));
  const batches = await readAll(table, { groups, rowsPerBatch: 3 });
  return table.columns.flatMap((column, index) => {
    const values = joined(batches, index);
    const width = widthOf(column);
    return Array.from({ length: width }, (_, element) => values.filter((__, i) => i % width === element).map(plain));
  });
}

const widthOf = ({ shape }: TableColumn) => shape.reduce((product, dimension) => product * dimension, 1);

const cases: readonly (readonly [TableFormat, readonly Datatype[], number])[] = [
  ["csv", datatypes, 3],
  ["jsonl", datatypes, 3],
  ["npy", datatypes.filter((datatype) => datatype !== "BYTES"), 1],
  ["parquet", datatypes, 3],
];

for (const [format, allowed, columnCount] of cases) {
  test(`${format}: what was written reads the same`, async () => {
    await fc.assert(
      fc.asyncProperty(draft(allowed, columnCount), async (table) => {
        assert.deepEqual(await decode(format, encode(format, table), table.columns), expected(table));
      }),
      { numRuns: 150 },
    );
  });
}

test("a file that is continued wherever it can be is the same file", () => {
  for (const format of ["csv", "jsonl", "npy", "parquet"] as const) {
    const width = format === "parquet" ? 1000 : 2; // a row group after 2,000 rows of 1,000 values
    const columns: TableColumn[] = [{ name: "p", datatype: "FP32", shape: [width] }];
    const pieces = Array.from({ length: 6 }, (_, piece) => ({
      rowCount: 700,
      values: [Float32Array.from({ length: 700 * width }, (__, i) => piece + (i % 17) / 8)],
    }));
    let encoder = createEncoder(format, columns, []);
    const written: Uint8Array[] = [encoder.begin()];
    const states: unknown[] = [];
    let continuations = 0;
    for (const piece of pieces) {
      written.push(encoder.add(piece));
      if (encoder.pendingRows > 0) continue;
      const state = encoder.takeState();
      if (state !== undefined) states.push(JSON.parse(JSON.stringify(state)));
      encoder = createEncoder(format, columns, states);
      continuations++;
    }
    const bytes = Buffer.concat([...written, encoder.end()]);
    bytes.set(encoder.finalHead(pieces.length * 700) ?? []);
    assert.ok(bytes.equals(encode(format, { columns, pieces })), format);
    assert.equal(continuations, format === "parquet" ? 2 : 6);
  }
});

test("what a format cannot hold is refused", () => {
  const number: TableColumn = { name: "y", datatype: "FP32", shape: [] };
  const text: TableColumn = { name: "label", datatype: "BYTES", shape: [] };
  assert.throws(
    () => createEncoder("npy", [number, text], []),
    /an NPY file holds one array, the output has 'y', 'label'/,
  );
  assert.throws(() => createEncoder("npy", [text], []), /output 'label' is text/);
});
