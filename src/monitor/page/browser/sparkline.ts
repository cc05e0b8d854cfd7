import { setAttribute, svgElement } from "./element.ts";
import { linePath } from "./line-points.ts";

/** A line in the height of a text line, without axes. What it shows stands beside it as a number, so it is hidden from screen readers. */
export class Sparkline {
  readonly root: SVGSVGElement;
  readonly #path = svgElement("path", { class: "spark-line", "vector-effect": "non-scaling-stroke" });

  constructor(width = 96, height = 20) {
    const viewBox = `-1 -1 ${width + 2} ${height + 2}`;
    this.root = svgElement("svg", { class: "spark", viewBox, width, height, "aria-hidden": "true" }, this.#path);
    this.#size = { width, height };
  }

  readonly #size: { readonly width: number; readonly height: number };

  update(values: readonly (number | undefined)[]): void {
    setAttribute(this.#path, "d", linePath(values, this.#size.width, this.#size.height));
  }
}
