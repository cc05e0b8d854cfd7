import type { Datatype } from "../../tensor.ts";

/** Reads one element of a tensor's raw bytes as a number; the position is in bytes and need not be aligned. */
export type ElementReader = (data: Uint8Array, offset: number) => number;

// One value at a time passes through here: a view over every tensor would be an allocation for every answer.
const bits = new Uint32Array(2);
const floats = new Float32Array(bits.buffer);
const doubles = new Float64Array(bits.buffer);
const halves = new Float16Array(bits.buffer);

function uint16(data: Uint8Array, offset: number): number {
  return (data[offset] ?? 0) | ((data[offset + 1] ?? 0) << 8);
}

function uint32(data: Uint8Array, offset: number): number {
  return (uint16(data, offset) | (uint16(data, offset + 2) << 16)) >>> 0;
}

const readers: Readonly<Record<Exclude<Datatype, "BYTES">, ElementReader>> = {
  BOOL: (data, offset) => ((data[offset] ?? 0) === 0 ? 0 : 1),
  UINT8: (data, offset) => data[offset] ?? 0,
  INT8: (data, offset) => ((data[offset] ?? 0) << 24) >> 24,
  UINT16: uint16,
  INT16: (data, offset) => (uint16(data, offset) << 16) >> 16,
  UINT32: uint32,
  INT32: (data, offset) => uint32(data, offset) | 0,
  UINT64: (data, offset) => uint32(data, offset + 4) * 2 ** 32 + uint32(data, offset),
  INT64: (data, offset) => (uint32(data, offset + 4) | 0) * 2 ** 32 + uint32(data, offset),
  FP16(data, offset) {
    bits[0] = uint16(data, offset);
    return halves[0] ?? 0;
  },
  FP32(data, offset) {
    bits[0] = uint32(data, offset);
    return floats[0] ?? 0;
  },
  FP64(data, offset) {
    bits[0] = uint32(data, offset);
    bits[1] = uint32(data, offset + 4);
    return doubles[0] ?? 0;
  },
};

/**
 * The reader of a datatype; undefined for BYTES, whose elements are no numbers. 64-bit integers beyond 2^53 come as the nearest number.
 * Positions beyond the data read as zeros.
 */
export function elementReader(datatype: Datatype): ElementReader | undefined {
  return datatype === "BYTES" ? undefined : readers[datatype];
}
