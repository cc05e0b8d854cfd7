import { randomBytes, randomFillSync } from "node:crypto";

/** Where an id comes from: the caller made it, this server did in this life, or another server or life. */
export type IdOrigin = "caller" | "own" | "foreign";

const lifeBytes = 6;
/** Bytes that nobody can guess, so that no caller can name the prediction of another. */
const secretBytes = 12;
/** Ids of which the random part is drawn at a time: a draw costs more than an id. */
const drawnIds = 512;

/** `sluice-`, 12 hex digits of the life that made it, `-`, 96 random bits. */
const madePattern = /^sluice-([0-9a-f]{12})-[0-9A-Za-z_-]{16}$/;

/**
 * Makes prediction ids for callers that want one made, and recognises them when they come back. An id carries the life of the server that made it:
 * 48 random bits, new at each start, so that ids of other servers and of the time before a restart are told apart from ones that never were.
 */
export class PredictionIds {
  readonly #life: string;
  readonly #drawn = Buffer.alloc(drawnIds * secretBytes);
  #position = this.#drawn.length;

  /** @param life 12 hex digits; default: random */
  constructor(life: string = randomBytes(lifeBytes).toString("hex")) {
    this.#life = life;
  }

  /** A new id. */
  next(): string {
    if (this.#position === this.#drawn.length) {
      randomFillSync(this.#drawn);
      this.#position = 0;
    }
    const start = this.#position;
    this.#position = start + secretBytes;
    return `sluice-${this.#life}-${this.#drawn.toString("base64url", start, this.#position)}`;
  }

  originOf(id: string): IdOrigin {
    const life = madePattern.exec(id)?.[1];
    if (life === undefined) return "caller";
    return life === this.#life ? "own" : "foreign";
  }
}
