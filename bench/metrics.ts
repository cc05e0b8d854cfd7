import type { ServerProcess } from "./server-process.ts";

/** What the server tells of itself at /metrics. */
export class MetricsPage {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static async read({ httpAddress }: ServerProcess): Promise<MetricsPage> {
    return new MetricsPage(await (await fetch(`http://${httpAddress}/metrics`)).text());
  }

  /** The sum of all series of a name. @param label that they have, as `key="value"`; absent: any. @throws Error when there is none */
  value(name: string, label = ""): number {
    const pattern = new RegExp(`^${name}(?:\\{[^}]*${label}[^}]*\\})${label === "" ? "?" : ""} (\\S+)`, "gm");
    const values = [...this.#text.matchAll(pattern)].map(([, value]) => Number(value));
    if (values.length === 0) throw new Error(`/metrics has no ${name}`);
    return values.reduce((sum, value) => sum + value, 0);
  }
}

/** Mean rows of the batches that the server has run so far: what a batch costs is shared by so many. */
export async function meanBatchRows(server: ServerProcess): Promise<number> {
  const page = await MetricsPage.read(server);
  return page.value("sluice_batch_size_sum") / page.value("sluice_batch_size_count");
}
