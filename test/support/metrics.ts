import assert from "node:assert/strict";

/** Label values that a series must have; undefined: it must not have that label. */
type Labels = Readonly<Record<string, string | undefined>>;

interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A page of Prometheus' text format, as a scraper reads it. */
export class Metrics {
  readonly #series: readonly Series[];

  private constructor(series: readonly Series[]) {
    this.#series = series;
  }

  /** @param address of the HTTP side port */
  static async scrape(address: string): Promise<Metrics> {
    const response = await fetch(`http://${address}/metrics`);
    assert.equal(response.status, 200);
    const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Metrics(lines.map(readLine));
  }

  /** The value of the one series of this name with these labels, among others. */
  value(name: string, labels: Labels): number {
    const found = this.#find(name, labels);
    assert.equal(found.length, 1, `${found.length} series ${name} with ${JSON.stringify(labels)}`);
    return found[0]?.value ?? Number.NaN;
  }

  /** The sum over all series of this name with these labels. */
  sum(name: string, labels: Labels): number {
    return this.#find(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** Names of the series of which a label has this value. */
  seriesWith(value: string): readonly string[] {
    return this.#series.filter(({ labels }) => [...labels.values()].includes(value)).map(({ name }) => name);
  }

  #find(name: string, labels: Labels): readonly Series[] {
    const wanted = Object.entries(labels);
    return this.#series.filter(
      (series) => series.name === name && wanted.every(([key, value]) => series.labels.get(key) === value),
    );
  }
}

function readLine(line: string): Series {
  const [, name = "", labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  assert.notEqual(name, "", `no sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)];
  return { name, labels: new Map(pairs.map(([, key = "", text = ""]) => [key, text])), value: Number(value) };
}
