// A file written front to back in one reused block; large files go past the page cache, which is slower than the disk.
import { closeSync, constants, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { native } from '../native/load.js';

/** What the offset, length and address of a write past the page cache must be multiples of. */
const page = 4096;

/** Smaller files stay in the page cache, where who reads them next finds them. */
const directFrom = 64 * 2 ** 20;

/** Bytes that are gathered before they are written (bench cut: 2 to 8 MiB are equally fast, 1 and 16 slower). */
export const blockBytes = 4 * 2 ** 20;

const { O_CREAT, O_DIRECT, O_TRUNC, O_WRONLY } = constants;

/** Made by {@link writeBlocks}. */
export class BlockWriter {
  readonly #block: Buffer;
  #filled = 0;
  #position = 0;
  #fd: number;
  #direct: boolean;

  constructor(
    readonly path: string,
    block: Buffer,
    size: number,
  ) {
    this.#block = block;
    this.#direct = size >= directFrom;
    this.#fd = this.#open(O_CREAT | O_TRUNC);
  }

  /** Free bytes of the block, at least `least`: fill them from the start, then {@link advance}. */
  room(least = 1): Uint8Array {
    if (this.#block.length - this.#filled < least) this.#flush();
    return this.#block.subarray(this.#filled);
  }

  /** `count` bytes of the room were filled. */
  advance(count: number): void {
    this.#filled += count;
  }

  /** Writes `bytes`, however many. */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const room = this.room();
      const part = bytes.subarray(done, done + room.length);
      room.set(part);
      this.advance(part.length);
      done += part.length;
    }
  }

  /** Writes what is left; the bytes are on the disk when it returns. */
  finish(): void {
    this.#flush();
    const size = this.#position + this.#filled;
    if (this.#filled > 0) {
      // Whole pages only: what is too much is cut off again.
      const end = Math.ceil(this.#filled / page) * page;
      this.#block.fill(0, this.#filled, end);
      this.#writeAll(this.#direct ? end : this.#filled);
    }
    if (this.#direct) ftruncateSync(this.#fd, size);
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Writes whole pages and moves the rest to the front. */
  #flush(): void {
    const whole = Math.floor(this.#filled / page) * page;
    this.#writeAll(whole);
    this.#block.copyWithin(0, whole, this.#filled);
    this.#position += whole;
    this.#filled -= whole;
  }

  #writeAll(length: number): void {
    for (let done = 0; done < length;) {
      try {
        done += writeSync(this.#fd, this.#block, done, length - done, this.#position + done);
      } catch (thrown) {
        if (!this.#refusesDirect(thrown)) throw thrown;
        closeSync(this.#fd);
        this.#fd = this.#open(0);
      }
    }
  }

  #open(flags: number): number {
    try {
      return openSync(this.path, O_WRONLY | flags | (this.#direct ? O_DIRECT : 0));
    } catch (thrown) {
      if (!this.#refusesDirect(thrown)) throw thrown;
      return openSync(this.path, O_WRONLY | flags);
    }
  }

  /** Some file systems (in memory, over a network) have no way past the page cache: then it is written as others. */
  #refusesDirect(thrown: unknown): boolean {
    const refuses = this.#direct && (thrown as NodeJS.ErrnoException).code === 'EINVAL';
    if (refuses) this.#direct = false;
    return refuses;
  }
}

/** A block for {@link writeBlocks} with room for pieces of `least` bytes. */
export function blockFor(least: number): Buffer {
  return native().pageBuffer(Math.max(blockBytes, least) + page);
}

/**
 * Writes the file `path` of `size` bytes through `block`, flushes and closes it.
 * @param write gives the bytes in order
 */
export function writeBlocks(
  path: string,
  block: Buffer,
  size: number,
  write: (writer: BlockWriter) => void,
): void {
  const writer = new BlockWriter(path, block, size);
  try {
    write(writer);
    writer.finish();
  } finally {
    writer.close();
  }
}
