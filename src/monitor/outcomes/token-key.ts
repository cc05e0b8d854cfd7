import { createHash, hash, randomBytes } from "node:crypto";
import { InferenceError } from "../../errors.ts";

/** Bytes of a key at least: as many as the hash gives, so that guessing a key is no easier than guessing a signature. */
export const minKeyBytes = 32;
const maxKeyBytes = 1024;

/** Keys of one file: the one that signs and those that are being retired. */
export const maxTokenKeys = 16;

/** Bytes of the name by which a token says what key signed it. */
export const keyIdBytes = 4;

/** Bytes of a signature in a token: HMAC-SHA256 cut to 128 bits, which RFC 2104 section 5 allows. */
export const signatureBytes = 16;

const blockBytes = 64;
const digestBytes = 32;

/** A secret that tokens are signed with. */
export class TokenKey {
  /** The first bytes of a hash of the key; reveals nothing about it. */
  readonly id: Buffer;
  readonly #outer = Buffer.alloc(blockBytes + digestBytes);
  readonly #innerPad: Uint8Array;
  #inner = Buffer.alloc(0);

  /** @param secret {@link minKeyBytes} bytes or more, copied */
  constructor(secret: Uint8Array) {
    this.id = createHash("sha256")
      .update("sluice prediction token key\0")
      .update(secret)
      .digest()
      .subarray(0, keyIdBytes);
    const block = Buffer.alloc(blockBytes);
    block.set(secret.length > blockBytes ? createHash("sha256").update(secret).digest() : secret);
    this.#innerPad = block.map((byte) => byte ^ 0x36);
    this.#outer.set(block.map((byte) => byte ^ 0x5c));
  }

  /**
   * The signature of a message, as a string of one character a byte. HMAC (RFC 2104) out of two one-shot hashes: a third of the cost of
   * `createHmac`, whose objects cost more than the hashing of so short a message.
   */
  sign(message: Buffer): string {
    const size = blockBytes + message.length;
    if (this.#inner.length !== size) {
      this.#inner = Buffer.allocUnsafe(size);
      this.#inner.set(this.#innerPad);
    }
    message.copy(this.#inner, blockBytes);
    this.#outer.write(hash("sha256", this.#inner, "binary"), blockBytes, "latin1");
    return hash("sha256", this.#outer, "binary").slice(0, signatureBytes);
  }
}

/** A key that nobody else has. */
export function randomTokenKey(): TokenKey {
  return new TokenKey(randomBytes(minKeyBytes));
}

/**
 * The keys of a token key file: one a line, in base64 or hex, the first signs; empty lines and those that begin with # do not count.
 * @throws InferenceError "invalid", which names the line and never what stands in it
 */
export function parseTokenKeys(text: string): readonly TokenKey[] {
  const keys: TokenKey[] = [];
  text.split("\n").forEach((line, index) => {
    const key = line.trim();
    if (key === "" || key.startsWith("#")) return;
    keys.push(new TokenKey(decodeKey(key, index + 1)));
  });
  if (keys.length === 0) throw new InferenceError("invalid", "the token key file has no key, expected one a line");
  if (keys.length > maxTokenKeys) {
    throw new InferenceError(
      "invalid",
      `the token key file has ${keys.length} keys, at most ${maxTokenKeys} are allowed`,
    );
  }
  const ids = new Set(keys.map(({ id }) => id.toString("hex")));
  if (ids.size < keys.length) throw new InferenceError("invalid", "the token key file has the same key twice");
  return keys;
}

function decodeKey(text: string, line: number): Buffer {
  const isHex = /^(?:[0-9a-fA-F]{2})+$/.test(text);
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  if (!isHex && !isBase64) {
    throw new InferenceError("invalid", `line ${line} of the token key file is neither base64 nor hex`);
  }
  const secret = Buffer.from(text, isHex ? "hex" : "base64");
  if (secret.length < minKeyBytes || secret.length > maxKeyBytes) {
    throw new InferenceError(
      "invalid",
      `line ${line} of the token key file is a key of ${secret.length} bytes, expected ${minKeyBytes} to ${maxKeyBytes}: \`openssl rand -base64 ${minKeyBytes}\` makes one`,
    );
  }
  return secret;
}
