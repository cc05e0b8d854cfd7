/**
 * The path of a small line in a box of `width` by `height`, as SVG writes it, from 0 (or the least value, where that is below) to the greatest. A
 * gap where a number is absent. Empty without numbers.
 */
export function linePath(values: readonly (number | undefined)[], width: number, height: number): string {
  const known = values.filter((value): value is number => value !== undefined && Number.isFinite(value));
  if (known.length === 0) return "";
  const low = Math.min(0, ...known);
  const high = Math.max(0, ...known);
  const span = high - low === 0 ? 1 : high - low;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let path = "";
  let isOpen = false;
  values.forEach((value, i) => {
    if (value === undefined || !Number.isFinite(value)) {
      isOpen = false;
      return;
    }
    const y = height - ((value - low) / span) * height;
    path += `${isOpen ? "L" : "M"}${round(i * step)} ${round(y)}`;
    isOpen = true;
  });
  return values.length === 1 ? `${path}L${width} ${path.split(" ")[1]}` : path;
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}

const blocks = "▁▂▃▄▅▆▇█";

/** The same line for a terminal, a character a value; a space where a number is absent. */
export function lineCharacters(values: readonly (number | undefined)[]): string {
  const known = values.filter((value): value is number => value !== undefined && Number.isFinite(value));
  const high = Math.max(0, ...known);
  const low = Math.min(0, ...known);
  const span = high - low === 0 ? 1 : high - low;
  return values
    .map((value) => {
      if (value === undefined || !Number.isFinite(value)) return " ";
      return blocks[Math.min(blocks.length - 1, Math.floor(((value - low) / span) * blocks.length))] ?? " ";
    })
    .join("");
}
