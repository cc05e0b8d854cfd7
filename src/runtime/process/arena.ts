import { randomBytes } from "node:crypto";
import { closeSync, existsSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync, writevSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceError } from "../../errors.ts";

/** Most buffers that one vectored write takes (IOV_MAX of Linux). */
const maxVectors = 1024;

/**
 * The shared-memory file through which tensors travel between the front process and one runtime process. Both hold its descriptor; its
 * name is gone at once, so nobody can find or register it. The file is sparse: logical space costs nothing, only written pages do.
 *
 * It is divided into `slots`, one for each batch that may be under way in the process. A slot has an input and an output range of
 * `slotBytes` each. The front owns all of it: it writes the inputs of a batch, names the output range in the frame, copies the outputs
 * out when the answer comes, and only then uses the slot again. So nothing is ever freed by the other side, and a crash leaks nothing.
 */
export class Arena {
  readonly fd: number;
  /** Bytes that the inputs of one batch, or its outputs, may take. */
  readonly slotBytes: number;

  private constructor(fd: number, slotBytes: number) {
    this.fd = fd;
    this.slotBytes = slotBytes;
  }

  /**
   * @param folder where the file is created; empty: /dev/shm where it exists, else the temporary folder
   * @param maxBytes bound of all input ranges together, and again of all output ranges
   * @param slots batches that may be under way at a time
   * @throws InferenceError "shed" when the folder cannot hold the file; the folder stands in the cause, since a client may hear the text
   */
  static create(folder: string, maxBytes: number, slots: number): Arena {
    const directory = folder !== "" ? folder : existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const path = join(directory, `sluice-${randomBytes(16).toString("hex")}`);
    try {
      const fd = openSync(path, "wx+", 0o600);
      unlinkSync(path);
      return new Arena(fd, Math.floor(maxBytes / slots));
    } catch (cause) {
      throw new InferenceError("shed", "cannot create shared memory in the arena folder (--arena-folder)", { cause });
    }
  }

  /** Where a slot's inputs begin. */
  inputOffset(slot: number): number {
    return slot * 2 * this.slotBytes;
  }

  /** Where a slot's outputs begin. */
  outputOffset(slot: number): number {
    return slot * 2 * this.slotBytes + this.slotBytes;
  }

  /**
   * Writes buffers one after another.
   * @throws InferenceError "shed" when the file system has no room (a container's /dev/shm is often 64 MB)
   */
  write(buffers: readonly Uint8Array[], offset: number): void {
    try {
      let position = offset;
      for (let first = 0; first < buffers.length; first += maxVectors) {
        position += writeAll(
          this.fd,
          first === 0 && buffers.length <= maxVectors ? buffers : buffers.slice(first, first + maxVectors),
          position,
        );
      }
    } catch (cause) {
      throw new InferenceError("shed", "no room in shared memory for the inputs of this batch", { cause });
    }
  }

  /** Copies bytes out into a buffer of their own. */
  read(offset: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.fd, buffer, done, length - done, offset + done);
      if (count === 0)
        throw new InferenceError("internal", "internal error", {
          cause: new Error("the arena ends before the output"),
        });
      done += count;
    }
    return buffer;
  }

  /** Gives all memory back to the system. Only while no slot is in use. */
  trim(): void {
    ftruncateSync(this.fd, 0);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A vectored write that goes on after a short one; the common case is one call. */
function writeAll(fd: number, buffers: readonly Uint8Array[], offset: number): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  if (total === 0) return 0;
  const [single] = buffers;
  const written =
    buffers.length === 1 && single !== undefined
      ? writeSync(fd, single, 0, single.length, offset)
      : writevSync(fd, buffers, offset);
  if (written < total) {
    let skip = written;
    let position = offset + written;
    for (const buffer of buffers) {
      let from = Math.min(skip, buffer.length);
      skip -= from;
      while (from < buffer.length) {
        const count = writeSync(fd, buffer, from, buffer.length - from, position);
        from += count;
        position += count;
      }
    }
  }
  return total;
}
