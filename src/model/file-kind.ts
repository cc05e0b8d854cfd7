/** A file format told by its first bytes, with what a user should know about it. */
interface FileKind {
  readonly offset?: number;
  readonly magic: readonly number[] | string;
  readonly description: string;
}

/** What people hand over instead of an ONNX file. None of these beginnings can start a ModelProto with a known field. */
const fileKinds: readonly FileKind[] = [
  {
    magic: "PK\u0003\u0004",
    description: "is a zip archive, such as a PyTorch checkpoint or a Keras model: export it to ONNX",
  },
  {
    magic: [0x80, 2],
    description: "is a Python pickle: export the model to ONNX (pickles can run code and are never loaded)",
  },
  {
    magic: [0x80, 3],
    description: "is a Python pickle: export the model to ONNX (pickles can run code and are never loaded)",
  },
  {
    magic: [0x80, 4],
    description: "is a Python pickle: export the model to ONNX (pickles can run code and are never loaded)",
  },
  {
    magic: [0x80, 5],
    description: "is a Python pickle: export the model to ONNX (pickles can run code and are never loaded)",
  },
  { magic: [0x1f, 0x8b], description: "is compressed with gzip: unpack it first" },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], description: "is compressed with zstd: unpack it first" },
  { magic: "\u0089HDF", description: "is an HDF5 file, such as a Keras model: export it to ONNX" },
  { magic: "ORTM", offset: 4, description: "is in the ORT format: use the .onnx file it was made from" },
  { magic: "TFL3", offset: 4, description: "is a TensorFlow Lite model: convert it to ONNX" },
  { magic: "\u007fELF", description: "is a native program or library" },
  { magic: "version https://git-lfs", description: "is a Git LFS pointer: fetch the real file with `git lfs pull`" },
];

/** How far into a file its text beginning is looked for. */
const textProbeBytes = 512;

/**
 * What a file that is no ONNX model is, as the rest of a sentence that begins with "the file"; undefined when its first bytes do not
 * tell.
 */
export function recognizeFile(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "is empty";
  const kind = fileKinds.find(({ magic, offset = 0 }) => startsWith(bytes, magic, offset));
  if (kind !== undefined) return kind.description;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, textProbeBytes)).toString("latin1");
  if (/^\s*<(!doctype|html|head|body|\?xml)/i.test(text))
    return "is an HTML or XML page, perhaps the error page of a download";
  if (/^\s*[{[]["\s]/.test(text)) return "is JSON text";
  if (bytes.every((byte) => byte === 0)) return "holds nothing but zero bytes";
  return undefined;
}

function startsWith(bytes: Uint8Array, magic: readonly number[] | string, offset: number): boolean {
  const codes = typeof magic === "string" ? Array.from(magic, (letter) => letter.charCodeAt(0)) : magic;
  return codes.every((code, i) => bytes[offset + i] === code);
}
