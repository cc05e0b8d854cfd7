import { element, setAttribute, setText } from "./element.ts";
import { countText } from "./number-text.ts";
import { rowPage, type SortOrder, type SortValue, sortRows } from "./row-order.ts";

/** A cell that is kept and told of every new row, so that focus, selection and drawings stay. */
export interface Cell<Row> {
  readonly root: Node;
  update(row: Row): void;
}

/** A column of a table. */
export interface Column<Row> {
  /** Also what the table is sorted by. */
  readonly key: string;
  readonly title: string;
  /** Longer words for the title, where it is short. */
  readonly meaning?: string;
  readonly isNumber?: boolean;
  /** Left out where there is little width. */
  readonly isWide?: boolean;
  /** Where there is little width, a mark without words. */
  readonly isMark?: boolean;
  /** A sentence, broken into lines. */
  readonly isProse?: boolean;
  /** Absent: cannot be sorted by. */
  readonly sortValue?: (row: Row) => SortValue;
  readonly cell: () => Cell<Row>;
}

/** How a table is made. */
export interface DataTableOptions<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly order: SortOrder;
  readonly perPage: number;
  /** What stands in the place of the rows when there are none. */
  readonly empty: string;
  /** Rows come sorted and cut already, as `order` and `page` of the table say; told when one of the two has changed. */
  readonly onQuery?: () => void;
}

interface ShownRow<Row> {
  readonly root: HTMLTableRowElement;
  readonly cells: readonly Cell<Row>[];
}

/** A real table: sorted by its head, a page at a time, its rows kept from one report to the next. The first column names the row. */
export class DataTable<Row> {
  readonly root: HTMLElement;
  readonly #options: DataTableOptions<Row>;
  readonly #body = element("tbody");
  readonly #heads = new Map<string, HTMLTableCellElement>();
  readonly #shown = new Map<string, ShownRow<Row>>();
  readonly #empty: HTMLElement;
  readonly #pager = element("nav", { class: "pager", "aria-label": "Pages of the table" });
  readonly #pagerText = element("span", { class: "pager-text", "aria-live": "polite" });
  readonly #previous = element("button", { type: "button" }, "Previous");
  readonly #next = element("button", { type: "button" }, "Next");
  #order: SortOrder;
  #page = 0;
  #rows: readonly Row[] = [];

  constructor(options: DataTableOptions<Row>) {
    this.#options = options;
    this.#order = options.order;
    this.#empty = element("p", { class: "empty-rows", hidden: true }, options.empty);
    const head = element("tr", {}, ...options.columns.map((column) => this.#head(column)));
    const caption = element("caption", { class: "visually-hidden" }, options.caption);
    const table = element("table", { class: "data" }, caption, element("thead", {}, head), this.#body);
    this.#pager.append(this.#previous, this.#next, this.#pagerText);
    this.#previous.addEventListener("click", () => this.#turn(-1));
    this.#next.addEventListener("click", () => this.#turn(1));
    this.root = element(
      "div",
      { class: "table-box" },
      element("div", { class: "scroll" }, table),
      this.#empty,
      this.#pager,
    );
    this.#showOrder();
  }

  get order(): SortOrder {
    return this.#order;
  }

  /** Place of the first row that is shown. */
  get from(): number {
    return this.#page * this.#options.perPage;
  }

  /** Shows these rows. @param total of all pages, where the rows are those of one page only */
  update(rows: readonly Row[], total = rows.length): void {
    this.#rows = rows;
    const { from, to, page, pages } = rowPage(total, this.#options.perPage, this.#page);
    this.#page = page;
    this.#place(this.#options.onQuery === undefined ? this.#sorted().slice(from, to) : rows);
    this.#empty.hidden = total > 0;
    this.#pager.hidden = pages < 2;
    this.#previous.disabled = page === 0;
    this.#next.disabled = page === pages - 1;
    setText(this.#pagerText, `${countText(from + 1)} to ${countText(to)} of ${countText(total)}`);
  }

  /** Back to the first page, for other rows than before. */
  restart(): void {
    this.#page = 0;
  }

  #sorted(): readonly Row[] {
    const { sortValue } = this.#options.columns.find(({ key }) => key === this.#order.key) ?? {};
    return sortValue === undefined ? this.#rows : sortRows(this.#rows, sortValue, this.#order.isDescending);
  }

  #place(rows: readonly Row[]): void {
    const keys = new Set<string>();
    rows.forEach((row, i) => {
      const key = this.#options.keyOf(row);
      keys.add(key);
      const shown = this.#shown.get(key) ?? this.#create(key);
      for (const cell of shown.cells) cell.update(row);
      const there = this.#body.children[i];
      if (there !== shown.root) this.#body.insertBefore(shown.root, there ?? null);
    });
    for (const [key, { root }] of this.#shown) {
      if (keys.has(key)) continue;
      root.remove();
      this.#shown.delete(key);
    }
  }

  #create(key: string): ShownRow<Row> {
    const cells = this.#options.columns.map(({ cell }) => cell());
    const root = element(
      "tr",
      {},
      ...this.#options.columns.map((column, i) => {
        const attributes = { class: columnClass(column), scope: i === 0 ? "row" : undefined };
        return element(i === 0 ? "th" : "td", attributes, cells[i]?.root);
      }),
    );
    const shown = { root, cells };
    this.#shown.set(key, shown);
    return shown;
  }

  #head(column: Column<Row>): HTMLTableCellElement {
    const { key, title, meaning, sortValue } = column;
    const attributes = { scope: "col", class: columnClass(column), title: meaning };
    if (sortValue === undefined) return element("th", attributes, title);
    const button = element("button", { type: "button", class: "sort" }, title);
    const head = element("th", attributes, button);
    button.addEventListener("click", () => this.#sortBy(column));
    this.#heads.set(key, head);
    return head;
  }

  #sortBy({ key, isNumber }: Column<Row>): void {
    const isDescending = this.#order.key === key ? !this.#order.isDescending : isNumber === true;
    this.#order = { key, isDescending };
    this.#page = 0;
    this.#showOrder();
    this.#queried();
  }

  #turn(by: number): void {
    this.#page += by;
    this.#queried();
  }

  #queried(): void {
    const { onQuery } = this.#options;
    if (onQuery === undefined) this.update(this.#rows);
    else onQuery();
  }

  #showOrder(): void {
    for (const [key, head] of this.#heads) {
      const order = this.#order.isDescending ? "descending" : "ascending";
      setAttribute(head, "aria-sort", key === this.#order.key ? order : undefined);
    }
  }
}

function columnClass<Row>({ isNumber, isWide, isMark, isProse }: Column<Row>): string | undefined {
  const names = [
    isNumber === true && "number",
    isWide === true && "wide",
    isMark === true && "mark-only",
    isProse === true && "prose",
  ];
  return names.filter((name) => name !== false).join(" ") || undefined;
}

/** A cell of text. @param look its class, where that depends on the row */
export function textCell<Row>(text: (row: Row) => string, look?: (row: Row) => string | undefined): () => Cell<Row> {
  return () => {
    const root = element("span");
    return {
      root,
      update(row) {
        setText(root, text(row));
        if (look !== undefined) setAttribute(root, "class", look(row));
      },
    };
  };
}
