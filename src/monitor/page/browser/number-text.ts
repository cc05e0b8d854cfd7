/**
 * How numbers are written on the page and in a terminal: three or four significant digits, the unit beside them after a no-break space. Absent
 * numbers are a dash. Pure: no locale, no clock.
 */

/** What stands where there is no number. */
export const absent = "–";

const noBreakSpace = "\u00a0";

/** A number with at most so many significant digits, without an exponent where it can be read: `0.0123`, `1,234`, `3.61e9`. */
export function numberText(value: number | undefined, digits = 4): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return trimExponent(value.toExponential(Math.max(0, digits - 2)));
  if (size >= 10 ** (digits - 1)) return countText(Math.round(value));
  return String(Number(value.toPrecision(digits)));
}

/** A number that does not jump in width as it changes: as many decimals as its size asks for, trailing zeros kept. */
export function steadyText(value: number | undefined, digits = 3): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e7 || size < 1e-4) return trimExponent(value.toExponential(digits - 1));
  if (size >= 10 ** digits) return countText(Math.round(value));
  const whole = size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
  return value.toFixed(Math.max(0, digits - whole));
}

function trimExponent(text: string): string {
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}

/** A whole number with its thousands apart: `1,843,220`. */
export function countText(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return absent;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A large count in few characters: `1.84 M`; exact below 10,000. */
export function shortCountText(value: number | undefined): string {
  if (value === undefined || Math.abs(value) < 10_000) return countText(value);
  return scaled(value, 1000, ["", "k", "M", "G", "T"]);
}

/** Seconds in the unit that suits them: `840 ns`, `1.2 ms`, `3.05 s`, `2 h 10 min`. */
export function secondsText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return absent;
  const size = Math.abs(seconds);
  if (size === 0) return withUnit("0", "s");
  if (size >= 60) return durationText(seconds);
  const units: readonly (readonly [number, string])[] = [
    [1, "s"],
    [1e-3, "ms"],
    [1e-6, "µs"],
    [1e-9, "ns"],
  ];
  // 0.9996 ms is written 1.00 ms: the unit is chosen for the number as it is rounded.
  const [factor, unit] = units.find(([candidate]) => size >= candidate * 0.9995) ?? [1e-9, "ns"];
  return withUnit(steadyText(seconds / factor), unit);
}

/** A time span of a minute or more in its two largest units: `3 d 4 h`, `12 min`; shorter ones in seconds. */
export function durationText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return absent;
  let rest = Math.round(seconds);
  if (rest < 60) return withUnit(String(rest), "s");
  if (rest >= 3600) rest = Math.round(rest / 60) * 60; // seconds are not shown, and 59 min 59 s are an hour
  const parts: string[] = [];
  for (const [size, unit] of [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(withUnit(String(count), unit));
    else if (parts.length > 0) break; // `3 d 5 min` would say more than it knows
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** Something per second: `412 /s`, `0.35 /s`. */
export function rateText(perSecond: number | undefined, unit = "/s"): string {
  if (perSecond === undefined || !Number.isFinite(perSecond)) return absent;
  const text = Math.abs(perSecond) >= 10_000 ? shortCountText(perSecond) : steadyText(perSecond);
  return withUnit(text, unit);
}

/** A share from 0 to 1 as a percentage: `95.3 %`; what is there but rounds to nothing is `<0.01 %`. */
export function shareText(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return absent;
  if (share !== 0 && Math.abs(share) < 0.0001) return withUnit("<0.01", "%");
  if (share === 0 || share === 1) return withUnit(String(share * 100), "%");
  return withUnit((share * 100).toFixed(Math.abs(share) < 0.1 ? 2 : 1), "%");
}

/** Bytes in binary units: `640 MiB`. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return absent;
  return scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let number = value;
  let unit = 0;
  while (Math.abs(number) >= step * 0.9995 && unit < units.length - 1) {
    number /= step;
    unit++;
  }
  const text = unit === 0 ? countText(number) : steadyText(number);
  const name = units[unit] ?? "";
  return name === "" ? text : withUnit(text, name);
}

/** A text without the zeros that a decimal fraction in it ends with: `5.00 ms` is `5 ms`. For axes, whose numbers are round. */
export function trimZeros(text: string): string {
  return text.replace(/\.0+(?!\d)|(\.\d*[1-9])0+(?!\d)/, "$1");
}

/** A number and its unit, which stay on one line. */
export function withUnit(text: string, unit: string): string {
  return `${text}${noBreakSpace}${unit}`;
}
