/** How the page is lit: as the system is, or as its reader chose. */
export type Theme = "auto" | "light" | "dark";

const storedAs = "sluice-theme";
const themes: readonly Theme[] = ["auto", "light", "dark"];

/** The colours of the page as a canvas needs them, and the choice between light and dark. */
export class PageTheme {
  readonly #probe: HTMLElement;
  readonly #colors = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #theme: Theme = "auto";

  /** @param probe an element of the page that nobody sees: colours are read from it */
  constructor(probe: HTMLElement) {
    this.#probe = probe;
    const stored = readStored(storedAs);
    this.set(themes.find((theme) => theme === stored) ?? "auto");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#changed());
  }

  get theme(): Theme {
    return this.#theme;
  }

  /** The one after this in the order auto, light, dark. */
  next(): void {
    this.set(themes[(themes.indexOf(this.#theme) + 1) % themes.length] ?? "auto");
  }

  set(theme: Theme): void {
    this.#theme = theme;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    writeStored(storedAs, theme);
    this.#changed();
  }

  /** A colour of the style sheet as a canvas takes it. @param name of a custom property, without its dashes; with an alpha after a slash: `ink/0.2` */
  color(name: string): string {
    const known = this.#colors.get(name);
    if (known !== undefined) return known;
    const [property, alpha] = name.split("/");
    const plain = `var(--${property})`;
    this.#probe.style.color =
      alpha === undefined ? plain : `color-mix(in srgb, ${plain} ${Number(alpha) * 100}%, transparent)`;
    const color = getComputedStyle(this.#probe).color;
    this.#colors.set(name, color);
    return color;
  }

  /** Calls back whenever the colours have changed. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    this.#colors.clear();
    for (const listener of this.#listeners) listener();
  }
}

/** What was kept under a name in an earlier visit; undefined where nothing was, or the browser keeps nothing. */
export function readStored(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined; // storage is switched off
  }
}

/** Keeps something for the next visit, where the browser allows it. */
export function writeStored(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // storage is switched off: the choice lasts as long as the page
  }
}
