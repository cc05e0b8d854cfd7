import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bytesText,
  countText,
  durationText,
  numberText,
  rateText,
  secondsText,
  shareText,
  shortCountText,
  steadyText,
  trimZeros,
} from "../../../../src/monitor/page/browser/number-text.ts";

/** Texts are compared with plain spaces. */
const plain = (text: string) => text.replaceAll("\u00a0", " ");

test("numbers keep their significant digits and are readable without an exponent where they can be", () => {
  const texts = [0, 1, -1, 0.5, 0.1 + 0.2, 1234.5, 60_083, 3.61e9, 1e7, 0.00012345, 0.0000123].map((x) =>
    numberText(x),
  );
  assert.deepEqual(texts, ["0", "1", "-1", "0.5", "0.3", "1,235", "60,083", "3.61e9", "1e7", "0.0001234", "1.23e-5"]);
});

test("a number that changes keeps its width", () => {
  const texts = [0, 0.5, 0.12345, 1, 9.994, 12.3, 123.4, 999.6, 1234, 4e-5].map((x) => steadyText(x));
  assert.deepEqual(texts, ["0", "0.50", "0.12", "1.00", "9.99", "12.3", "123", "1000", "1,234", "4e-5"]);
});

test("what is absent is a dash, and so are NaN and the infinities", () => {
  for (const text of [numberText, steadyText, countText, secondsText, durationText, rateText, shareText, bytesText]) {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(text(value), "–");
  }
});

test("seconds are told in the unit that suits them", () => {
  const texts = [0, 8.4e-7, 0.00012, 0.0021, 0.9996, 0.99949, 1.5, 59.9, 60, 3661, 90_000].map((x) =>
    plain(secondsText(x)),
  );
  assert.deepEqual(texts, [
    "0 s",
    "840 ns",
    "120 µs",
    "2.10 ms",
    "1.00 s",
    "999 ms",
    "1.50 s",
    "59.9 s",
    "1 min",
    "1 h 1 min",
    "1 d 1 h",
  ]);
});

test("time spans have two units next to each other at most", () => {
  const texts = [0, 59.4, 61, 3600, 3599.7, 86_400, 86_400 + 300, 3 * 86_400 + 4 * 3600 + 59].map((x) =>
    plain(durationText(x)),
  );
  assert.deepEqual(texts, ["0 s", "59 s", "1 min 1 s", "1 h", "1 h", "1 d", "1 d", "3 d 4 h"]);
});

test("counts, rates, shares and bytes", () => {
  assert.deepEqual([0, 999, 1000, 1_843_220].map(countText), ["0", "999", "1,000", "1,843,220"]);
  assert.deepEqual(
    [9999, 10_000, 1_843_220].map((x) => plain(shortCountText(x))),
    ["9,999", "10.0 k", "1.84 M"],
  );
  assert.deepEqual(
    [0, 0.35, 412, 25_000].map((x) => plain(rateText(x))),
    ["0 /s", "0.35 /s", "412 /s", "25.0 k /s"],
  );
  const shares = [0, 0.00001, 0.0002, 0.0123, 0.829, 0.9999, 1].map((x) => plain(shareText(x)));
  assert.deepEqual(shares, ["0 %", "<0.01 %", "0.02 %", "1.23 %", "82.9 %", "100.0 %", "100 %"]);
  assert.deepEqual(
    [0, 512, 1024, 671_088_640].map((x) => plain(bytesText(x))),
    ["0 B", "512 B", "1.00 KiB", "640 MiB"],
  );
});

test("numbers of an axis have no zeros at their end", () => {
  const texts = ["5.00 ms", "0.850", "10.0 %", "1,000 /s", "100", "1.05 s"].map(trimZeros);
  assert.deepEqual(texts, ["5 ms", "0.85", "10 %", "1,000 /s", "100", "1.05 s"]);
});

test("any number has a short text that is near it", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), (value) => {
      const text = numberText(value);
      assert.ok(text.length <= 14, text);
      const read = Number(text.replaceAll(",", ""));
      assert.ok(
        Math.abs(read - value) <= Math.abs(value) * 0.01 || Math.abs(value) < 1e-300,
        `${value} is told as ${text}`,
      );
    }),
  );
});
