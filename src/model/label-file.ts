import { readContainedFile } from "./contained-file.ts";

/** The longest label file, in bytes: a million short labels. */
export const maxLabelFileBytes = 16 * 1024 * 1024;

/**
 * The class labels of an output, one a line, by index. An empty last line does not count.
 *
 * @param modelFolder The folder that the file must lie in, wherever links lead.
 * @param filename The configuration's label_filename, relative to that folder.
 * @throws InferenceError "refused", naming the file as the configuration does.
 */
export function readLabels(modelFolder: string, filename: string): string[] {
  const bytes = readContainedFile(modelFolder, filename, { what: "label file", maxBytes: maxLabelFileBytes });
  const lines = bytes.toString("utf8").split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
