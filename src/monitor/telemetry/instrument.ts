/** A counter only grows; an updown and a gauge tell the value of now, and only an updown may be summed over attributes. */
export type InstrumentKind = "counter" | "updown" | "gauge" | "histogram";

/** One attribute of an instrument and what bounds the number of its values. */
export interface InstrumentAttribute {
  readonly key: string;
  /** All values it can have, or how many at most where they are names given at run time. */
  readonly values: readonly string[] | number;
}

/** One line of the table. */
export interface Instrument {
  readonly name: string;
  readonly kind: InstrumentKind;
  /** UCUM: `s`, `By`, `1`, or an annotation such as `{request}`. */
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly InstrumentAttribute[];
  /**
   * Upper bounds of a histogram's buckets, each included in its bucket; the last bucket has no bound. `"own"`: every series brings its own,
   * such as the edges of a reference.
   */
  readonly boundaries?: readonly number[] | "own";
  /** Values of this histogram can be negative: its sum could go down, which no reader allows, and is left out. */
  readonly isSigned?: true;
}

/** What a value stands for that has no series of its own. The word of the OpenTelemetry conventions. */
export const otherValue = "_OTHER";
