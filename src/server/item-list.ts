import type { StreamItem } from "./stream-item.ts";

/** The requests of one stream that have no last answer yet, in request order; linked through the items themselves. */
export class ItemList {
  #first: StreamItem | undefined;
  #last: StreamItem | undefined;

  get first(): StreamItem | undefined {
    return this.#first;
  }

  *[Symbol.iterator](): Generator<StreamItem> {
    for (let item = this.#first; item !== undefined; item = item.next) yield item;
  }

  append(item: StreamItem): void {
    item.previous = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
  }

  remove(item: StreamItem): void {
    if (item.previous === undefined) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#last = item.previous;
    else item.next.previous = item.previous;
    // An item that the collector has promoted would keep all later ones alive through its link.
    item.next = undefined;
    item.previous = undefined;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
  }
}
