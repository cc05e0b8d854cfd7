import { isDeepStrictEqual } from "node:util";
import type { Answer } from "./exchange.ts";
import type { Plain } from "./messages.ts";

/** One answer to one request: a unary call, or one message of a stream. */
export interface Item {
  /** The status of a unary call or, last of a stream, of the stream; -1 for a message of a stream, which has none. */
  readonly code: number;
  readonly message: string;
  readonly response: Plain | undefined;
}

/** Something that sluice answers otherwise than Triton, on purpose. */
export interface Difference {
  /** Names it in docs/compatibility.md. */
  readonly id: string;
  readonly what: string;
  readonly reason: string;
  /** Whether two different answers to the request of this name differ in this way and in no other. */
  readonly explains: (name: string, triton: Item, sluice: Item) => boolean;
}

/** An answer that no difference explains. */
export interface Mismatch {
  readonly name: string;
  readonly triton: Item | undefined;
  readonly sluice: Item | undefined;
}

/** Compares answers and remembers which differences occurred. */
export class Comparison {
  readonly #differences: readonly Difference[];
  readonly #occurred = new Set<string>();
  readonly mismatches: Mismatch[] = [];
  compared = 0;

  constructor(differences: readonly Difference[]) {
    this.#differences = differences;
  }

  /** Ids of differences that no pair of answers showed. */
  get missing(): readonly string[] {
    return this.#differences.map(({ id }) => id).filter((id) => !this.#occurred.has(id));
  }

  /** @param names of the messages of a stream; undefined: a unary call */
  compare(id: string, names: readonly string[] | undefined, triton: Answer, sluice: Answer): void {
    const theirs = itemsOf(triton, names !== undefined);
    const ours = itemsOf(sluice, names !== undefined);
    if (theirs.length !== ours.length) {
      const whole = (answer: Answer): Item => ({ code: answer.code, message: answer.message, response: answer });
      this.compareItem(id, whole(triton), whole(sluice));
      return;
    }
    theirs.forEach((item, i) => {
      this.compareItem(names?.[i] ?? id, item, ours[i]);
    });
  }

  /** Compares one answer to one request. */
  compareItem(name: string, triton: Item, sluice: Item | undefined): void {
    this.compared++;
    if (isDeepStrictEqual(triton, sluice)) return;
    const found =
      sluice === undefined ? undefined : this.#differences.find(({ explains }) => explains(name, triton, sluice));
    if (found === undefined) this.mismatches.push({ name, triton, sluice });
    else this.#occurred.add(found.id);
  }
}

/** The parts of an answer that belong to single requests, with the status of a stream at the end. */
function itemsOf({ code, message, responses }: Answer, isStream: boolean): Item[] {
  if (!isStream) return [{ code, message, response: responses[0] }];
  const items = responses.map(({ error_message = "", infer_response = {} }): Item => {
    return { code: -1, message: error_message, response: infer_response };
  });
  return [...items, { code, message, response: undefined }];
}
