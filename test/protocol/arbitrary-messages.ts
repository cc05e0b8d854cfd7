import fc from "fast-check";
import { encodeElements } from "../../src/protocol/bytes-elements.ts";
import { type Datatype, datatypes, itemBytes, type Tensor } from "../../src/tensor.ts";

/** Text that a BYTES element can carry: any alphabet, no NUL, no lone surrogate. */
const elementText = fc
  .string({ unit: "binary", maxLength: 60 })
  .map((text) => text.toWellFormed().replaceAll("\0", ""));

export const text = fc.string({ unit: "binary", maxLength: 40 }).map((value) => value.toWellFormed());

/** Any tensor that fits its own shape, scalars and zero-size dimensions included. */
export const tensor: fc.Arbitrary<Tensor> = fc
  .record({
    name: text,
    datatype: fc.constantFrom(...datatypes),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
  })
  .chain(({ name, datatype, shape }) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return elements(datatype, count).map((data) => ({ name, datatype, shape, data }));
  });

function elements(datatype: Datatype, count: number): fc.Arbitrary<Uint8Array> {
  const length = { minLength: count, maxLength: count };
  if (datatype === "BYTES") return fc.array(elementText, length).map(encodeElements);
  if (datatype === "BOOL") return fc.array(fc.constantFrom(0, 1), length).map((bytes) => Uint8Array.from(bytes));
  const size = count * itemBytes(datatype);
  return fc.uint8Array({ minLength: size, maxLength: size });
}

/** Parameters that no rule is about, and that keep their value on the way. */
export const parameters = fc
  .array(
    fc.tuple(
      text.map((key) => `k${key}`),
      fc.oneof(
        fc.boolean(),
        fc.maxSafeInteger(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => !Number.isSafeInteger(Number(value))),
        fc.double({ noNaN: true }),
        text,
      ),
    ),
    { maxLength: 5 },
  )
  .map((entries) => new Map(entries));
