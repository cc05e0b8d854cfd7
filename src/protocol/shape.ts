import type { WireReader } from "./wire-reader.ts";
import { fieldSize, int64Size, type WireWriter } from "./wire-writer.ts";

/** Dimensions as they arrived: any int64, a bigint where a number would lose digits. */
export type WireShape = readonly (number | bigint)[];

/** Most dimensions that are kept of a shape; one more than this stands for all that were sent beyond it. */
export const maxRank = 64;

/**
 * Reads `repeated int64 shape`, packed or one item, onto `shape`. Keeps at most {@link maxRank} + 1 dimensions, so that a hostile
 * rank costs no memory and is still seen to be too high.
 */
export function readShape(reader: WireReader, isPacked: boolean, shape: (number | bigint)[]): void {
  if (!isPacked) {
    keep(shape, reader.int64());
    return;
  }
  const outer = reader.enter();
  while (reader.position < reader.end) keep(shape, reader.int64());
  reader.leave(outer);
}

function keep(shape: (number | bigint)[], dimension: number | bigint): void {
  if (shape.length <= maxRank) shape.push(dimension);
}

/** Bytes of a packed `shape` field; none for a scalar. */
export function shapeSize(shape: readonly number[]): number {
  return shape.length === 0 ? 0 : fieldSize(dimensionsSize(shape));
}

function dimensionsSize(shape: readonly number[]): number {
  let size = 0;
  for (let i = 0; i < shape.length; i++) size += int64Size(shape[i] as number); // i is below the length
  return size;
}

export function writeShape(writer: WireWriter, tag: number, shape: readonly number[]): void {
  if (shape.length === 0) return;
  writer.field(tag, dimensionsSize(shape));
  for (let i = 0; i < shape.length; i++) writer.int64(shape[i] as number);
}
