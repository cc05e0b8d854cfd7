import { toInferenceError } from "../../errors.ts";
import { readSecretFile } from "../secret-file.ts";
import { keyIdBytes, parseTokenKeys, randomTokenKey, type TokenKey } from "./token-key.ts";

/** Hears what an operator should know. */
export interface TokenKeyLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The keys of a server: the first of its file signs, all of them verify. Without a file a random one is made when the first token is. */
export class TokenKeys {
  readonly #path: string;
  readonly #log: TokenKeyLog;
  #keys: readonly TokenKey[] = [];

  /** @param path empty: there is no file. @throws InferenceError "invalid" when the file cannot be read, is open to others, or holds no keys */
  constructor(path: string, log: TokenKeyLog) {
    this.#path = path;
    this.#log = log;
    if (path !== "") this.#keys = readKeyFile(path);
  }

  /** The key that signs now. */
  get signing(): TokenKey {
    const [key] = this.#keys;
    if (key !== undefined) return key;
    this.#log.warn(
      "prediction tokens are signed with a random key: no other server and no later start of this one accepts them; give all servers one --token-key-file",
    );
    const random = randomTokenKey();
    this.#keys = [random];
    return random;
  }

  /** The key with this id; undefined: it is none of ours. */
  find(id: Buffer): TokenKey | undefined {
    return this.#keys.find((key) => key.id.equals(id));
  }

  /** Reads the file again; a file that is broken leaves the keys before in force, and the log says so. */
  reload(): void {
    if (this.#path === "") return;
    try {
      this.#keys = readKeyFile(this.#path);
      const ids = this.#keys.map(({ id }) => id.toString("hex", 0, keyIdBytes));
      this.#log.info("token key file in force", { path: this.#path, keys: ids.join(" "), signing: ids[0] });
    } catch (error) {
      const { message } = toInferenceError(error);
      this.#log.error("the new token key file is refused; the keys before stay in force", { error: message });
    }
  }
}

/** @throws InferenceError "invalid" */
function readKeyFile(path: string): readonly TokenKey[] {
  return parseTokenKeys(readSecretFile({ what: "token key file", path, harm: "forge outcomes" }));
}
