import type { TensorSpec } from "../inference.ts";
import { type Datatype, elementCount, itemBytes, type Tensor } from "../tensor.ts";

/** A seeded source of numbers in [0, 1): the same seed gives the same rows on every machine. */
export type Random = () => number;

/** Mulberry32: 32 bits of state, plenty for a few thousand numbers. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * One random row for an input: floats N(0, 1), integers and booleans 0 or 1, strings short and different from each other.
 *
 * @param dynamicLength What a dimension of any length becomes.
 * @returns The row as the model takes it, with a leading dimension of 1.
 */
export function randomRow(spec: TensorSpec, dynamicLength: number, random: Random): Tensor {
  const dims = (spec.modelDims ?? spec.dims).map((length) => (length === -1 ? dynamicLength : length));
  const count = elementCount(dims);
  const data = spec.datatype === "BYTES" ? randomStrings(count, random) : randomNumbers(spec.datatype, count, random);
  return { name: spec.name, datatype: spec.datatype, shape: [1, ...dims], data };
}

function randomStrings(count: number, random: Random): Uint8Array {
  const parts: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const text = Buffer.from(`${Math.floor(random() * 36 ** 6).toString(36)}${i}`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    parts.push(length, text);
  }
  return Buffer.concat(parts);
}

function randomNumbers(datatype: Exclude<Datatype, "BYTES">, count: number, random: Random): Uint8Array {
  const size = itemBytes(datatype);
  const data = new Uint8Array(count * size);
  const view = new DataView(data.buffer);
  for (let i = 0; i < count; i++) {
    // Little-endian: the lowest byte of an integer comes first, the others stay 0.
    if (datatype === "FP32") view.setFloat32(i * size, normal(random), true);
    else if (datatype === "FP64") view.setFloat64(i * size, normal(random), true);
    else if (datatype === "FP16") view.setFloat16(i * size, normal(random), true);
    else data[i * size] = random() < 0.5 ? 0 : 1;
  }
  return data;
}

/** Box and Muller's way from two uniform numbers to a normal one. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
