import { element, setAttribute, setText } from "./element.ts";

/** One number of a strip. */
export interface Fact {
  readonly name: string;
  readonly value: string;
  /** What belongs to it, in small: an interval, a count. */
  readonly detail?: string;
  /** How it stands, where that is more than good. */
  readonly look?: "firing" | "pending" | undefined;
}

/** A row of numbers with their names, kept in place as they change. */
export class FactStrip {
  readonly root = element("dl", { class: "facts" });
  readonly #shown: {
    readonly name: Element;
    readonly value: Element;
    readonly detail: Element;
    readonly box: Element;
  }[] = [];

  update(facts: readonly Fact[]): void {
    while (this.#shown.length > facts.length) this.#shown.pop()?.box.remove();
    facts.forEach((fact, i) => {
      const { name, value, detail, box } = this.#shown[i] ?? this.#add();
      setText(name, fact.name);
      setText(value, fact.value);
      setText(detail, fact.detail ?? "");
      setAttribute(box, "class", fact.look === undefined ? "fact" : `fact ${fact.look}`);
    });
  }

  #add() {
    const name = element("dt");
    const value = element("dd", { class: "fact-value" });
    const detail = element("dd", { class: "fact-detail" });
    const box = element("div", { class: "fact" }, name, value, detail);
    this.root.append(box);
    const made = { name, value, detail, box };
    this.#shown.push(made);
    return made;
  }
}
