import { parseDocument } from "yaml";
import { nearest } from "../../config.ts";
import { InferenceError, shown } from "../../errors.ts";

/** Largest monitor.yaml, in characters, so that a wrong file does not hold up the server. */
export const maxMonitorFileLength = 512 * 1024;

/** What a number may be, and what it is where nothing is written. */
export interface NumberRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Default: false. */
  readonly isInteger?: boolean;
}

/**
 * Keys and values of a YAML text, read key by key: whatever was not read when {@link Section.end} is called is unknown, and refused with
 * the nearest key that was. Every error is an InferenceError "refused" that names the place, the value and what is allowed.
 */
export class Section {
  /** Where it stands, such as `drift.psi` or `alerts[2]`; empty: the file itself. */
  readonly place: string;
  readonly #values: ReadonlyMap<unknown, unknown>;
  readonly #read = new Set<string>();
  readonly #sections: Section[] = [];

  constructor(place: string, value: unknown) {
    this.place = place;
    if (value === undefined || value === null) this.#values = new Map();
    else if (value instanceof Map) this.#values = value;
    else throw refused(`${place || "the file"} is ${shown(value)}, expected keys and values`);
  }

  /** A whole file. */
  static parse(text: string): Section {
    if (text.length > maxMonitorFileLength) {
      throw refused(`the file has ${text.length} characters, at most ${maxMonitorFileLength} are read`);
    }
    const document = parseDocument(text);
    const [problem] = document.errors;
    if (problem !== undefined) throw refused(problem.message);
    try {
      return new Section("", document.toJS({ mapAsMap: true })); // refuses aliases that multiply
    } catch (error) {
      throw error instanceof InferenceError ? error : refused(error instanceof Error ? error.message : String(error));
    }
  }

  /** Whether something is written under a key. */
  has(key: string): boolean {
    const value = this.#take(key);
    return value !== undefined && value !== null;
  }

  number(key: string, rule: NumberRule): number {
    return this.optionalNumber(key, rule) ?? rule.default;
  }

  /** Undefined where nothing is written. */
  optionalNumber(key: string, rule: Omit<NumberRule, "default">): number | undefined {
    const value = this.#take(key);
    return value === undefined || value === null ? undefined : this.#number(key, value, rule);
  }

  /** A list of numbers; empty where nothing is written. @param maxCount entries at most */
  numbers(key: string, rule: Omit<NumberRule, "default">, maxCount: number): readonly number[] {
    return this.#list(key, maxCount).map((value, index) => this.#number(`${key}[${index}]`, value, rule));
  }

  flag(key: string, defaultValue: boolean): boolean {
    const value = this.#take(key);
    if (value === undefined || value === null) return defaultValue;
    if (typeof value === "boolean") return value;
    throw this.invalid(key, value, "true or false");
  }

  /** A text of 1 to `maxLength` characters; undefined where nothing is written. */
  text(key: string, maxLength = 1024): string | undefined {
    const value = this.#take(key);
    return value === undefined || value === null ? undefined : this.#text(key, value, maxLength);
  }

  /** A list of texts; empty where nothing is written. */
  texts(key: string, maxCount: number, maxLength = 1024): readonly string[] {
    return this.#list(key, maxCount).map((value, index) => this.#text(`${key}[${index}]`, value, maxLength));
  }

  /** One of several words; undefined where nothing is written. */
  choice<const Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const value = this.#take(key);
    if (value === undefined || value === null) return undefined;
    const found = words.find((word) => word === String(value)); // 0 and 1 are words too
    if (found !== undefined) return found;
    const near = typeof value === "string" ? nearest(value, words) : undefined;
    const hint = near === undefined ? "" : `, did you mean '${near}'?`;
    throw this.invalid(key, value, `${words.join(", ")}${hint}`);
  }

  /** The section under a key; one without keys where nothing is written. It ends with this one. */
  section(key: string): Section {
    return this.#open(this.#placeOf(key), this.#take(key));
  }

  /** A list of sections; empty where nothing is written. They end with this one. */
  sections(key: string, maxCount: number): readonly Section[] {
    return this.#list(key, maxCount).map((value, index) => this.#open(`${this.#placeOf(key)}[${index}]`, value));
  }

  /** Keys that the user chooses, such as names; all of them count as read. */
  keys(): readonly string[] {
    return [...this.#values.keys()].map((key) => {
      if (typeof key !== "string" || key === "") throw refused(`${this.place}: key ${shown(key)}, expected a text`);
      this.#read.add(key);
      return key;
    });
  }

  /** Everything has been read: refuses keys that nobody asked for, in the sections below too. */
  end(): void {
    const known = [...this.#read];
    for (const key of this.#values.keys()) {
      if (typeof key === "string" && this.#read.has(key)) continue;
      const near = nearest(String(key), known);
      const hint = near === undefined ? `expected ${known.join(", ")}` : `did you mean '${near}'?`;
      throw refused(`${this.place === "" ? "" : `${this.place}: `}unknown key ${shown(key)}, ${hint}`);
    }
    for (const section of this.#sections) section.end();
  }

  /** The error about the value of a key. @param expected what is allowed */
  invalid(key: string, value: unknown, expected: string): InferenceError {
    return refused(`${this.#placeOf(key)} is ${shown(value)}, expected ${expected}`);
  }

  #take(key: string): unknown {
    this.#read.add(key);
    return this.#values.get(key);
  }

  #open(place: string, value: unknown): Section {
    const section = new Section(place, value);
    this.#sections.push(section);
    return section;
  }

  #placeOf(key: string): string {
    return this.place === "" ? key : `${this.place}.${key}`;
  }

  #list(key: string, maxCount: number): readonly unknown[] {
    const value = this.#take(key);
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw this.invalid(key, value, "a list");
    if (value.length > maxCount) {
      throw refused(`${this.#placeOf(key)} has ${value.length} entries, at most ${maxCount} are allowed`);
    }
    return value;
  }

  #number(key: string, value: unknown, { min, max, isInteger = false }: Omit<NumberRule, "default">): number {
    const isNumber = typeof value === "number" && (!isInteger || Number.isSafeInteger(value));
    if (isNumber && value >= min && value <= max) return value;
    throw this.invalid(key, value, `${isInteger ? "an integer" : "a number"} from ${min} to ${max}`);
  }

  #text(key: string, value: unknown, maxLength: number): string {
    const text = typeof value === "number" || typeof value === "bigint" ? String(value) : value; // class labels are often numbers
    if (typeof text === "string" && text.length > 0 && text.length <= maxLength) return text;
    throw this.invalid(key, value, `a text of 1 to ${maxLength} characters`);
  }
}

/** The error about a monitor.yaml. */
export function refused(what: string): InferenceError {
  return new InferenceError("refused", `monitor.yaml: ${what}`);
}
