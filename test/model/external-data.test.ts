import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inlineExternalData } from "../../src/model/external-data.ts";
import type { OnnxModel } from "../../src/model/onnx-proto.ts";
import { buildModel } from "./build-model.ts";

const root = mkdtempSync(join(tmpdir(), "external-data-"));
after(() => rmSync(root, { recursive: true }));

const folder = join(root, "1");
mkdirSync(join(folder, "sub"), { recursive: true });
const data = Buffer.from(new Float32Array([1, 2, 3, 4]).buffer);
writeFileSync(join(folder, "w.bin"), data);
writeFileSync(join(folder, "sub", "w.bin"), data);
writeFileSync(join(root, "outside.bin"), data);
mkdirSync(join(root, "1x"));
writeFileSync(join(root, "1x", "w.bin"), data);
symlinkSync("w.bin", join(folder, "link.bin"));
symlinkSync(root, join(folder, "up"));
symlinkSync("sub", join(folder, "inner"));
writeFileSync(join(folder, "twice.bin"), data);
linkSync(join(folder, "twice.bin"), join(root, "other.bin"));
execFileSync("mkfifo", [join(folder, "pipe")]);
symlinkSync(folder, join(root, "linked-version"));

const sha1 = createHash("sha1").update(data).digest("hex");

function external(entries: Record<string, string>, dims: number[] = [4]): object {
  const external_data = Object.entries(entries).map(([key, value]) => ({ key, value }));
  return { name: "w", dims, data_type: 1, data_location: 1, external_data };
}

const load = (initializer: object[], maxBytes = 1000, from = folder): OnnxModel => {
  const model = buildModel({ initializer });
  inlineExternalData(model, from, maxBytes);
  return model;
};

const accepted: [string, Record<string, string>, number[], number[]][] = [
  ["a whole file", { location: "w.bin" }, [4], [1, 2, 3, 4]],
  ["a range", { location: "w.bin", offset: "4", length: "8" }, [2], [2, 3]],
  ["the rest of a file", { location: "w.bin", offset: "8" }, [2], [3, 4]],
  ["a file in a folder below", { location: "sub/w.bin" }, [4], [1, 2, 3, 4]],
  ["a folder reached by a link that stays inside", { location: "inner/w.bin" }, [4], [1, 2, 3, 4]],
  ["a checksum that holds", { location: "w.bin", checksum: sha1.toUpperCase() }, [4], [1, 2, 3, 4]],
  ["the key basepath, unread", { location: "w.bin", basepath: "/etc" }, [4], [1, 2, 3, 4]],
  ["nothing at the very end", { location: "w.bin", offset: "16", length: "0" }, [0], []],
];

for (const [what, entries, dims, expected] of accepted) {
  test(`read in: ${what}`, () => {
    const tensor = load([external(entries, dims)]).graph?.initializer[0];
    const bytes = Buffer.from(tensor?.raw_data ?? []);
    assert.deepEqual([...new Float32Array(new Uint8Array(bytes).buffer)], expected);
    assert.equal(tensor?.data_location, 0);
    assert.deepEqual(tensor?.external_data, []);
  });
}

const refused: [string, Record<string, string>, RegExp][] = [
  ["the parent folder", { location: "../outside.bin" }, /'\.\.'/],
  ["a folder whose name begins alike", { location: "../1x/w.bin" }, /'\.\.'/],
  ["the way down and up again", { location: "sub/../../outside.bin" }, /'\.\.'/],
  ["the way up in Windows' manner", { location: "sub\\..\\..\\outside.bin" }, /'\.\.'/],
  ["an absolute path", { location: "/etc/passwd" }, /absolute/],
  ["an absolute path of Windows", { location: "C:\\data.bin" }, /absolute/],
  ["a folder link that leads outside", { location: "up/outside.bin" }, /outside the model's folder/],
  ["a symbolic link", { location: "link.bin" }, /symbolic link/],
  ["a second hard link", { location: "twice.bin" }, /2 hard links/],
  ["a named pipe", { location: "pipe" }, /not a regular file/],
  ["a folder", { location: "sub" }, /not a regular file/],
  ["the marker of ONNX Runtime's own memory", { location: "*/_ORT_MEM_ADDR_/*", offset: "4096" }, /names memory/],
  ["a NUL character", { location: "w.bin\0.txt" }, /NUL/],
  ["a file that is not there", { location: "gone.bin" }, /does not exist/],
  ["no location", { offset: "0" }, /no location/],
  ["an empty location", { location: "" }, /no location/],
  ["an unknown key", { location: "w.bin", __class__: "x" }, /key '__class__'/],
  ["a negative offset", { location: "w.bin", offset: "-1" }, /offset "-1"/],
  ["a negative length", { location: "w.bin", length: "-16" }, /length "-16"/],
  ["a number in hexadecimal", { location: "w.bin", offset: "0x4" }, /offset "0x4"/],
  ["an offset beyond 2^53", { location: "w.bin", offset: "18446744073709551600", length: "16" }, /2\^53/],
  ["a range beyond the end", { location: "w.bin", offset: "4", length: "16" }, /has 16 bytes.*from 4 to 20/],
  ["an offset beyond the end", { location: "w.bin", offset: "17" }, /reaches from 17/],
  ["too few bytes", { location: "w.bin", length: "12" }, /gives 12 bytes.*need 16/],
  ["a checksum that fails", { location: "w.bin", checksum: "0".repeat(40) }, /SHA-1/],
];

for (const [what, entries, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(() => load([external(entries)]), { reason: "refused", message });
  });
}

test("the version folder itself may be a link", () => {
  assert.equal(
    load([external({ location: "w.bin" })], 1000, join(root, "linked-version")).graph?.initializer[0]?.raw_data?.length,
    16,
  );
});

test("the bytes of all tensors are limited exactly, shared ranges counted as often as they are used", () => {
  const three = [1, 2, 3].map(() => external({ location: "w.bin" }));
  load(three, 48);
  assert.throws(() => load(three, 47), { reason: "refused", message: /beyond 47 bytes/ });
});

test("a key given twice is refused", () => {
  const tensor = {
    ...external({ location: "w.bin" }),
    external_data: [1, 2].map(() => ({ key: "location", value: "w.bin" })),
  };
  assert.throws(() => load([tensor]), /'location' twice/);
});

test("strings cannot be external", () => {
  assert.throws(() => load([{ ...external({ location: "w.bin" }), data_type: 8 }]), /strings/);
});

test("external_data without the mark of an external tensor is read in as well", () => {
  const { data_location: _, ...unmarked } = external({ location: "w.bin" }) as { data_location: number };
  assert.equal(load([unmarked]).graph?.initializer[0]?.raw_data?.length, 16);
});
