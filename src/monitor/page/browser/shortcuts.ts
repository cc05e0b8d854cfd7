import { element } from "./element.ts";
import type { ServerView } from "./routes.ts";
import { readStored, writeStored } from "./theme.ts";

/** What keys do. */
export interface ShortcutActions {
  go(view: ServerView): void;
  /** To the next side of a model, or the one before. */
  step(by: number): void;
  toggleTheme(): void;
  togglePause(): void;
}

const storedAs = "sluice-shortcuts";

const descriptions: readonly (readonly [string, string])[] = [
  ["m", "Models"],
  ["a", "Alerts"],
  ["s", "Server"],
  ["[  ]", "Previous or next side of a model"],
  ["j  k", "Next or previous row of a table"],
  ["Enter", "Open the row"],
  ["/", "Find"],
  ["← →", "Read a chart point by point, when it has the focus"],
  ["p", "Pause, go on"],
  ["t", "Colours: auto, light, dark"],
  ["?", "This list"],
  ["Esc", "Leave a field or this list"],
];

/** Keys of the page, listed in a dialog where they can be switched off: single letters get in the way of speech input. */
export class Shortcuts {
  readonly dialog: HTMLDialogElement;
  readonly #actions: ShortcutActions;
  readonly #isOn = element("input", { type: "checkbox" });

  constructor(actions: ShortcutActions) {
    this.#actions = actions;
    this.#isOn.checked = readStored(storedAs) !== "off";
    this.#isOn.addEventListener("change", () => writeStored(storedAs, this.#isOn.checked ? "on" : "off"));
    const rows = descriptions.map(([keys, meaning]) => {
      const caps = keys.split("  ").flatMap((key) => [element("kbd", {}, key), " "]);
      return element("tr", {}, element("td", {}, ...caps), element("td", {}, meaning));
    });
    const close = element("button", { type: "submit" }, "Close");
    const form = element("form", { method: "dialog" }, element("label", {}, this.#isOn, "Single keys work"), close);
    const title = element("h2", { id: "shortcuts-title" }, "Keyboard shortcuts");
    const table = element("table", { class: "keys" }, element("tbody", {}, ...rows));
    this.dialog = element("dialog", { "aria-labelledby": "shortcuts-title" }, title, table, form);
    addEventListener("keydown", (event) => this.#onKey(event));
  }

  show(): void {
    this.dialog.showModal();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open) return;
    const { target, key } = event;
    if (target instanceof HTMLInputElement && target.type !== "checkbox") {
      if (key === "Escape") target.blur();
      return;
    }
    if (target instanceof HTMLSelectElement) return;
    const action = this.#action(key);
    if (action === undefined || (!this.#isOn.checked && key !== "?")) return;
    event.preventDefault();
    action();
  }

  #action(key: string): (() => void) | undefined {
    const actions = this.#actions;
    const byKey: Readonly<Record<string, () => void>> = {
      m: () => actions.go("models"),
      a: () => actions.go("alerts"),
      s: () => actions.go("server"),
      "[": () => actions.step(-1),
      "]": () => actions.step(1),
      j: () => moveRow(1),
      k: () => moveRow(-1),
      "/": () => document.querySelector<HTMLInputElement>("main input.find")?.focus(),
      p: () => actions.togglePause(),
      t: () => actions.toggleTheme(),
      "?": () => this.show(),
    };
    return Object.hasOwn(byKey, key) ? byKey[key] : undefined;
  }
}

/** The link of the row below the one that has the focus, or above it. */
function moveRow(by: number): void {
  const links = [...document.querySelectorAll<HTMLElement>("main .row-link")];
  const at = links.findIndex((link) => link.matches(":focus"));
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}
