import fc from "fast-check";
import { type Datatype, elementCount, itemBytes, type Tensor } from "../../src/tensor.ts";

/** Strings in KServe's layout: each preceded by its length. */
export function packBytes(elements: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

/** Any data of a datatype in a shape; strings may be empty and hold any bytes. */
export function someTensor(datatype: Datatype, shape: readonly number[], name = "x"): fc.Arbitrary<Tensor> {
  const count = elementCount(shape);
  const bytes = itemBytes(datatype) * count;
  const data =
    datatype === "BYTES"
      ? fc.array(fc.uint8Array({ maxLength: 12 }), { minLength: count, maxLength: count }).map(packBytes)
      : fc.uint8Array({ minLength: bytes, maxLength: bytes });
  return data.map((data) => ({ name, datatype, shape, data }));
}
