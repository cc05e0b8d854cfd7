import assert from "node:assert/strict";

/** A command of a document and what it says the command prints. */
export interface Recipe {
  /** The heading above it and its place below that, for messages. */
  readonly title: string;
  readonly command: string;
  /** `json`: documents whose every field must come back; `text`: lines that must be in the output. */
  readonly format: "json" | "text";
  readonly expected: string;
}

/** Reads every `sh` block of a Markdown document with the `json` or `text` block after it. @throws Error for a command without an answer. */
export function readRecipes(markdown: string): readonly Recipe[] {
  const recipes: Recipe[] = [];
  let heading = "";
  let command: string | undefined;
  for (const [, title, language, content = ""] of markdown.matchAll(/^#+ (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else if (language === "sh") {
      assert.equal(command, undefined, `a command under '${heading}' has no answer`);
      command = content.trim();
    } else if (command !== undefined && (language === "json" || language === "text")) {
      recipes.push({ title: `${heading} ${recipes.length + 1}`, command, format: language, expected: content.trim() });
      command = undefined;
    }
  }
  assert.equal(command, undefined, "the last command has no answer");
  return recipes;
}

/** Asserts that an output has what a recipe promises. */
export function assertAnswers({ format, expected, command }: Recipe, output: string): void {
  if (format === "text") {
    for (const line of expected.split("\n"))
      assert.ok(output.includes(line), `${command}\nprinted:\n${output}\nnot: ${line}`);
    return;
  }
  const got = readDocuments(output);
  const wanted = readDocuments(expected);
  assert.equal(got.length, wanted.length, `${command}\nprinted ${got.length} documents:\n${output}`);
  for (const [i, document] of wanted.entries())
    assert.partialDeepStrictEqual(got[i], document, `${command}\nprinted:\n${output}`);
}

/** JSON objects that follow one another, as grpcurl prints the messages of a stream. */
export function readDocuments(text: string): readonly object[] {
  const documents: object[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const length = documentLength(rest);
    documents.push(JSON.parse(rest.slice(0, length)) as object);
    rest = rest.slice(length).trim();
  }
  return documents;
}

/** Characters of the first object of a text: to the brace that closes it, braces in strings aside. */
function documentLength(text: string): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === "{") depth += 1;
    else if (token === "}" && --depth === 0) return index + 1;
  }
  throw new Error(`no whole JSON object in: ${text}`);
}
