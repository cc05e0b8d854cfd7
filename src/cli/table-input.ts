import { tableFormats } from "../training/table.ts";
import type { CommandOption } from "./arguments.ts";

/** The options of commands that read one table of any form. */
export const tableInputOptions = {
  input: {
    kind: "string",
    default: "-",
    valueName: "FILE",
    group: "Input and output",
    description: "The table to read; - is standard input, for CSV and JSON Lines.",
  },
  inputFormat: {
    kind: "choice",
    choices: ["auto", ...tableFormats],
    default: "auto",
    group: "Input and output",
    description: "Form of the input; auto goes by its content.",
  },
} as const satisfies Record<string, CommandOption>;
