import { readFileSync, statSync } from "node:fs";
import { InferenceError, toInferenceError } from "../../errors.ts";
import { keyIdBytes, parseTokenKeys, randomTokenKey, type TokenKey } from "./token-key.ts";

/** Largest token key file: the most keys that there may be, and comments. */
const maxFileBytes = 64 * 1024;

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
  let text: string;
  try {
    const { mode, size } = statSync(path);
    refuseOpenFile(path, mode);
    if (size > maxFileBytes) {
      throw new InferenceError(
        "invalid",
        `token key file '${path}' has ${size} bytes, at most ${maxFileBytes} are allowed`,
      );
    }
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof InferenceError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InferenceError("invalid", `token key file '${path}' cannot be read: ${why}`, { cause });
  }
  return parseTokenKeys(text);
}

/** The owner's group may read it, as it must where Kubernetes mounts secrets for a group; nobody else may do anything. */
function refuseOpenFile(path: string, mode: number): void {
  if (process.platform === "win32" || (mode & 0o027) === 0) return;
  const found = (mode & 0o777).toString(8).padStart(4, "0");
  throw new InferenceError(
    "invalid",
    `token key file '${path}' has mode ${found}: whoever can read it can forge outcomes, expected 0400, 0600 or 0440`,
  );
}
