import { readFileSync } from "node:fs";
// From the published package: import { createTensor, InferenceClient, readTensor } from "sluice";
import { createTensor, InferenceClient, readTensor } from "../../src/index.ts";

/**
 * Streams a WAV file (16 kHz, 16 bits, one channel) in chunks of 32 ms and prints when somebody speaks:
 *
 *     node examples/sequences/listen.ts 127.0.0.1:8001 test/fixtures/audio/speech.wav
 *
 * The server keeps the state of the model, so each message carries its chunk and nothing else.
 */
const [address = "127.0.0.1:8001", file = ""] = process.argv.slice(2);
const samplesOfChunk = 512;
const rate = 16_000;

function* chunks() {
  const bytes = readFileSync(file);
  const start = bytes.indexOf("data") + 8;
  const count = Math.floor((bytes.length - start) / 2 / samplesOfChunk);
  for (let chunk = 0; chunk < count; chunk++) {
    const sampleAt = (_: unknown, i: number) => bytes.readInt16LE(start + 2 * (chunk * samplesOfChunk + i)) / 32768;
    yield {
      model: "silero_vad",
      inputs: [
        createTensor("input", "FP32", [1, samplesOfChunk], Float32Array.from({ length: samplesOfChunk }, sampleAt)),
        createTensor("sr", "INT64", [1], [BigInt(rate)]),
      ],
      parameters: {
        sequence_id: `${file} ${process.pid}`,
        sequence_start: chunk === 0,
        sequence_end: chunk === count - 1,
      },
    };
  }
}

const client = InferenceClient.connect(address);
let chunk = 0;
let isSpeech = false;
for await (const { response, error } of client.inferStream(chunks())) {
  if (error !== undefined) throw error;
  const [output] = response.outputs;
  const [probability = 0] = output === undefined ? [] : readTensor(output);
  if (Number(probability) > 0.5 !== isSpeech) {
    isSpeech = !isSpeech;
    process.stdout.write(`${((chunk * samplesOfChunk) / rate).toFixed(2)} s ${isSpeech ? "speech" : "silence"}\n`);
  }
  chunk++;
}
client.close();
