import textformat from "protobufjs/ext/textformat.js";
import protobuf from "protobufjs/light.js";
import { InferenceError } from "../errors.ts";
import { describeUnknownField, plainMessage } from "./config-values.ts";
import { messageType } from "./definitions.ts";
import type { ModelConfig } from "./model-config.ts";

/** The longest model configuration that is parsed, in characters; the longest of Triton's own examples has 5,000. */
export const maxConfigLength = 1024 * 1024;

/** The longest text, in characters, in which the line of an error is looked for: that parses it a dozen times, in the front process. */
const maxSearchedLength = 64 * 1024;

const configType = "inference.ModelConfig";

/**
 * Parses a config.pbtxt: protobuf text format of ModelConfig. What was not written is absent, so that a written 0 can be told from nothing.
 * @throws InferenceError "refused", with the line (unless the text is very long), what stands there and, for a misspelt field, the nearest
 *   known one.
 */
export function parseConfigText(text: string): ModelConfig {
  checkLength(text);
  let message: object;
  try {
    message = textformat.fromText(messageType(configType), text);
  } catch (error) {
    throw new InferenceError("refused", `config.pbtxt ${describeTextError(text, error)}`, { cause: error });
  }
  return plainMessage(messageType(configType), message, "") as ModelConfig; // the definition is ModelConfig's own
}

/**
 * Parses a model configuration in JSON, protobuf's mapping: field names as in config.pbtxt or in lowerCamelCase, enums by name or number, 64-bit
 * integers as numbers or decimal text.
 * @throws InferenceError "refused", naming the field, its value and what is allowed.
 */
export function parseConfigJson(text: string): ModelConfig {
  checkLength(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InferenceError("refused", "the model configuration is not valid JSON", { cause: error });
  }
  return plainMessage(messageType(configType), value, "") as ModelConfig; // the definition is ModelConfig's own
}

/** Writes a configuration as config.pbtxt, fields in the order of their numbers. {@link parseConfigText} gives the same configuration back. */
export function formatConfigText(config: ModelConfig): string {
  return `${textformat.toText(messageType(configType), config)}\n`;
}

/** Writes a configuration as JSON with the field names of config.pbtxt, which every parser of protobuf's mapping accepts. */
export function formatConfigJson(config: ModelConfig): string {
  return JSON.stringify(config, undefined, 2);
}

function checkLength(text: string): void {
  if (text.length <= maxConfigLength) return;
  throw new InferenceError(
    "refused",
    `the model configuration has ${text.length} characters, the limit is ${maxConfigLength}`,
  );
}

/** protobufjs names the message type and, for some errors, the line: `.inference.ModelInput: unknown field 'dim' (line 7)`. */
function describeTextError(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const sentence = message.replace(/ \(line [0-9]+\)$/, "");
  const line = /\(line ([0-9]+)\)$/.exec(message)?.[1] ?? findLine(text, sentence);
  const where = line === undefined ? "" : `line ${line}: `;
  const unknown = /^\.(inference[.\w]*): unknown field '(.*)'$/s.exec(sentence);
  const [, typeName, fieldName] = unknown ?? [];
  const enumField = /^\.(inference[.\w]*)\.(\w+): enum value expected$/.exec(sentence);
  if (enumField?.[1] !== undefined && enumField[2] !== undefined) {
    return `${where}${enumField[2]} ${describeEnum(enumField[1], enumField[2])}`;
  }
  const what =
    typeName !== undefined && fieldName !== undefined
      ? describeUnknownField(
          messageType(typeName),
          fieldName,
          typeName === configType ? "" : typeName.replace("inference.", ""),
        )
      : sentence.replaceAll(".inference.", "");
  return `${where}${what}`;
}

function describeEnum(typeName: string, fieldName: string): string {
  const definition = messageType(typeName).fields[fieldName]?.resolve().resolvedType;
  const names = definition instanceof protobuf.Enum ? Object.keys(definition.values) : [];
  return `has an unknown value, expected one of ${names.join(", ")}`;
}

/**
 * The line of an error that states none: the text up to and including it fails alike, the text before it does not. Found by halving, so that a long
 * text is parsed a dozen times and not once per line. Undefined: the text is too long for that.
 */
function findLine(text: string, sentence: string): number | undefined {
  if (text.length > maxSearchedLength) return undefined;
  const lines = text.split("\n");
  let low = 1;
  let high = lines.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (failsAlike(lines.slice(0, middle).join("\n"), sentence)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function failsAlike(text: string, sentence: string): boolean {
  try {
    textformat.fromText(messageType(configType), text);
    return false;
  } catch (error) {
    return error instanceof Error && error.message.startsWith(sentence);
  }
}
