import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

/** Pixels as RGB bytes, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

const channels = 3;

/** Reads a PNG of 8-bit RGB without interlacing, as the fixtures are. Source: the PNG specification, chapters 5 and 9. */
export function readPng(file: string): Picture {
  const bytes = readFileSync(file);
  const data: Buffer[] = [];
  for (let offset = 8; offset < bytes.length; ) {
    const length = bytes.readUInt32BE(offset);
    if (bytes.toString("latin1", offset + 4, offset + 8) === "IDAT")
      data.push(bytes.subarray(offset + 8, offset + 8 + length));
    offset += 12 + length;
  }
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  return { width, height, pixels: unfilter(inflateSync(Buffer.concat(data)), width, height) };
}

function unfilter(filtered: Uint8Array, width: number, height: number): Uint8Array {
  const stride = width * channels;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= channels ? (pixels[at - channels] ?? 0) : 0;
      const up = y > 0 ? (pixels[at - stride] ?? 0) : 0;
      const upLeft = x >= channels && y > 0 ? (pixels[at - stride - channels] ?? 0) : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter ?? 0] ?? 0;
      pixels[at] = (filtered[y * (stride + 1) + 1 + x] ?? 0) + predicted;
    }
  }
  return pixels;
}

function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - upLeft)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : upLeft;
}

/** A part of a picture, scaled to a height, by bilinear interpolation. */
export function cropTo(
  picture: Picture,
  box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number },
  height: number,
): Picture {
  const scale = (box.bottom - box.top) / height;
  const width = Math.round((box.right - box.left) / scale);
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromX, fromY] = [box.left + (x + 0.5) * scale - 0.5, box.top + (y + 0.5) * scale - 0.5];
      for (let c = 0; c < channels; c++) pixels[(y * width + x) * channels + c] = interpolate(picture, fromX, fromY, c);
    }
  }
  return { width, height, pixels };
}

function interpolate(picture: Picture, x: number, y: number, channel: number): number {
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const mix = (a: number, b: number, share: number) => a + (b - a) * share;
  const row = (atY: number) => mix(pixel(picture, x0, atY, channel), pixel(picture, x0 + 1, atY, channel), x - x0);
  return Math.round(mix(row(y0), row(y0 + 1), y - y0));
}

function pixel({ width, height, pixels }: Picture, x: number, y: number, channel: number): number {
  const [atX, atY] = [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))];
  return pixels[(atY * width + atX) * channels + channel] ?? 0;
}

/**
 * A picture as text models take it: FP32 [1, 3, height, width], blue first, `(value / 255 - mean) / deviation`, filled up at the lower edge with
 * its last row to a multiple of `rows`.
 */
export function toPlanes(
  picture: Picture,
  mean: readonly number[],
  deviation: readonly number[],
  rows: number,
): { readonly shape: readonly number[]; readonly values: Float32Array } {
  const height = Math.ceil(picture.height / rows) * rows;
  const values = new Float32Array(channels * height * picture.width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const value = pixel(picture, x, y, channels - 1 - c) / 255;
        values[(c * height + y) * picture.width + x] = (value - (mean[c] ?? 0)) / (deviation[c] ?? 1);
      }
    }
  }
  return { shape: [1, channels, height, picture.width], values };
}
