import type { ConfusionMatrix } from "../../../model/package-messages.ts";
import { element, setText } from "./element.ts";
import { countText, shareText } from "./number-text.ts";

/** Classes whose matrix is drawn whole; of more, the pairs that are taken for each other most often. */
const maxClasses = 24;
const maxPairs = 30;

/** True against predicted classes: a row for each true class, shaded by its shares. */
export class ConfusionTable {
  readonly root = element("div", { class: "confusion" });
  #drawn = "";

  update(matrix: ConfusionMatrix | undefined): void {
    const drawn = JSON.stringify(matrix ?? null);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (matrix === undefined) this.root.replaceChildren();
    else this.root.replaceChildren(matrix.labels.length <= maxClasses ? wholeMatrix(matrix) : worstPairs(matrix));
  }
}

function wholeMatrix({ labels, counts }: ConfusionMatrix): HTMLElement {
  const corner = element("td", { class: "corner" });
  const head = element(
    "tr",
    {},
    corner,
    ...labels.map((label) => element("th", { scope: "col" }, clipped(label))),
    element("th", { scope: "col" }, "recall"),
  );
  const rows = labels.map((label, row) => {
    const line = counts.slice(row * labels.length, (row + 1) * labels.length);
    const total = line.reduce((sum, count) => sum + count, 0);
    const cells = line.map((count, column) => matrixCell(count, total, row === column));
    const recall = element("td", { class: "recall" }, total === 0 ? "–" : shareText((line[row] ?? 0) / total));
    return element("tr", {}, element("th", { scope: "row" }, clipped(label)), ...cells, recall);
  });
  const caption = element(
    "caption",
    { class: "visually-hidden" },
    "True classes in rows, predicted classes in columns, numbers of rows",
  );
  const small = labels.length > 6 ? " dense" : "";
  return element(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
    element("table", { class: `matrix${small}` }, caption, element("thead", {}, head), element("tbody", {}, ...rows)),
  );
}

function matrixCell(count: number, total: number, isRight: boolean): HTMLElement {
  const share = total === 0 ? 0 : count / total;
  const cell = element("td", {
    class: isRight ? "right" : count > 0 ? "wrong" : "none",
    title: `${shareText(share)} of the true class`,
  });
  cell.style.setProperty("--share", String(Math.round(Math.sqrt(share) * 1000) / 10));
  setText(cell, count === 0 ? "·" : countText(count));
  return cell;
}

function clipped(label: string): HTMLElement {
  return element("span", { class: "clip", title: label }, label);
}

/** With many classes a matrix is mostly zeros: the wrong pairs tell more. */
function worstPairs({ labels, counts }: ConfusionMatrix): HTMLElement {
  const size = labels.length;
  const pairs = counts
    .map((count, i) => ({ count, row: Math.floor(i / size), column: i % size }))
    .filter(({ count, row, column }) => count > 0 && row !== column)
    .sort((a, b) => b.count - a.count)
    .slice(0, maxPairs);
  const rows = pairs.map(({ count, row, column }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, labels[row] ?? ""),
      element("td", {}, labels[column] ?? ""),
      element("td", { class: "number" }, countText(count)),
    ),
  );
  const head = element(
    "tr",
    {},
    ...["True class", "Predicted", "Rows"].map((title, i) =>
      element("th", { scope: "col", class: i === 2 ? "number" : undefined }, title),
    ),
  );
  const caption = element("caption", { class: "visually-hidden" }, "Classes that are taken for each other most often");
  return element(
    "div",
    { class: "scroll" },
    element("table", { class: "data" }, caption, element("thead", {}, head), element("tbody", {}, ...rows)),
  );
}
