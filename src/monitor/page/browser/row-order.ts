/** What a row of a table is sorted by. */
export type SortValue = string | number | undefined;

/** Which column a table is sorted by, and which way. */
export interface SortOrder {
  readonly key: string;
  readonly isDescending: boolean;
}

/** Rows in order; what is absent comes last either way, and equal rows stay as they were. Texts are compared with their numbers as numbers. */
export function sortRows<T>(rows: readonly T[], sortValue: (row: T) => SortValue, isDescending: boolean): readonly T[] {
  const sign = isDescending ? -1 : 1;
  return rows
    .map((row) => ({ row, value: sortValue(row) }))
    .sort((a, b) => {
      if (isAbsent(a.value) || isAbsent(b.value)) return Number(isAbsent(a.value)) - Number(isAbsent(b.value));
      return sign * compareValues(a.value, b.value);
    })
    .map(({ row }) => row);
}

function isAbsent(value: SortValue): value is undefined {
  return value === undefined || (typeof value === "number" && Number.isNaN(value));
}

const collator = new Intl.Collator("en", { numeric: true });

function compareValues(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return collator.compare(String(a), String(b));
}

/** Whether a name holds every word that is looked for, in any case. */
export function matches(name: string, looked: string): boolean {
  const text = name.toLowerCase();
  return looked
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Part of a list that is shown at a time. */
export interface RowPage {
  readonly from: number;
  readonly to: number;
  readonly page: number;
  readonly pages: number;
}

/** Where a page of a list begins and ends; a page that there is not is the nearest one that there is. */
export function rowPage(total: number, perPage: number, page: number): RowPage {
  const pages = Math.max(1, Math.ceil(total / perPage));
  const shown = Math.min(Math.max(0, page), pages - 1);
  return { from: shown * perPage, to: Math.min(total, (shown + 1) * perPage), page: shown, pages };
}
