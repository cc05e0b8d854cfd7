/** A word as a POSIX shell takes it, quoted where it has to be: for commands that readers copy. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
