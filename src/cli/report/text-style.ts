/** How a report is set in a terminal. */
export interface TextStyle {
  /** Everything about each model, not only what asks for attention. */
  readonly isFull: boolean;
  /** Small lines of numbers over time. */
  readonly hasLines: boolean;
  readonly hasColors: boolean;
}

const codes = { bold: 1, dim: 2, red: 31, yellow: 33 } as const;

/** A text in a colour, where there are colours. */
export function colored(text: string, color: keyof typeof codes, { hasColors }: TextStyle): string {
  return hasColors ? `\u001b[${codes[color]}m${text}\u001b[0m` : text;
}

/** A name that a stranger chose, without what a terminal would obey. */
export function safeText(text: string): string {
  return text.replaceAll(/\p{C}/gu, "\ufffd");
}
