import { accessSync, constants, mkdirSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { InferenceError } from "../../errors.ts";
import type { StoredFile } from "./rotation.ts";

/** A file that is being written. */
export interface PayloadFile {
  /** @throws whatever the file system says; the file may hold part of the bytes then */
  write(bytes: Uint8Array): Promise<void>;
  /** Waits until the file is on its disk, and closes it. */
  close(): Promise<void>;
}

/** Where files are. Injected, so that tests need no full disk. */
export interface PayloadStore {
  /** A new file. @throws when there is one of this name, or the folder cannot be written */
  create(name: string): Promise<PayloadFile>;
  /** Files whose names begin with a prefix. */
  list(prefix: string): Promise<readonly StoredFile[]>;
  remove(name: string): Promise<void>;
}

/** A new file of our own: never one that was there, nor what a link leads to. */
const createFlags =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_NOFOLLOW;

/** Files in a folder, readable by the server's own user alone. A folder that vanishes is made again, what was above it is not. */
export class PayloadFolder implements PayloadStore {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes the folder where it is missing, with all above it. @throws InferenceError "invalid" when it cannot be written */
  static open(path: string): PayloadFolder {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new InferenceError("invalid", `--payload-log-folder '${path}' cannot be written: ${why}`, { cause });
    }
    return new PayloadFolder(path);
  }

  async create(name: string): Promise<PayloadFile> {
    await this.#make();
    return new DiskFile(await open(join(this.#path, name), createFlags, 0o600));
  }

  async list(prefix: string): Promise<readonly StoredFile[]> {
    await this.#make();
    const names = (await readdir(this.#path)).filter((name) => name.startsWith(prefix));
    const files = names.map(async (name) => {
      const found = await lstat(join(this.#path, name)).catch(() => undefined); // removed meanwhile
      return found?.isFile() ? { name, bytes: found.size } : undefined;
    });
    return (await Promise.all(files)).filter((file) => file !== undefined);
  }

  async remove(name: string): Promise<void> {
    await unlink(join(this.#path, name)).catch(ignore("ENOENT"));
  }

  async #make(): Promise<void> {
    await mkdir(this.#path, { mode: 0o700 }).catch(ignore("EEXIST"));
  }
}

/** For a promise that may fail for one reason. */
function ignore(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error;
  };
}

class DiskFile implements PayloadFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.appendFile(bytes);
    const { nlink } = await this.#handle.stat();
    if (nlink === 0) throw new Error("the file was removed while it was written");
  }

  async close(): Promise<void> {
    try {
      await this.#handle.datasync();
    } finally {
      await this.#handle.close();
    }
  }
}
