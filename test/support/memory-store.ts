import type { PayloadFile, PayloadStore } from "../../src/monitor/payload/payload-folder.ts";

/** A folder in memory whose disk fills up, vanishes or hangs when the test says so. */
export class MemoryStore implements PayloadStore {
  readonly files = new Map<string, string>();
  readonly closed: string[] = [];
  /** What the next operations throw; undefined: they succeed. */
  failure: Error | undefined;
  /** Files can be made and not written, as on a full disk. */
  isFull = false;
  /** What writes wait for. */
  hold: Promise<void> | undefined;
  writes = 0;

  async create(name: string): Promise<PayloadFile> {
    this.#fail();
    if (this.files.has(name)) throw new Error(`EEXIST: ${name}`);
    this.files.set(name, "");
    return {
      write: async (bytes) => {
        this.writes++;
        await this.hold;
        this.#fail();
        if (this.isFull) throw new Error("ENOSPC: no space left on device");
        this.files.set(name, (this.files.get(name) ?? "") + Buffer.from(bytes).toString());
      },
      close: async () => void this.closed.push(name),
    };
  }

  async list(prefix: string) {
    const own = [...this.files].filter(([name]) => name.startsWith(prefix));
    return own.map(([name, text]) => ({ name, bytes: text.length }));
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }

  /** The lines of all files, in their order. */
  lines(): string[] {
    const texts = [...this.files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
    return texts.join("").split("\n").slice(0, -1);
  }

  #fail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
