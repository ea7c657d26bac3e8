// What the header of an ELF file tells: the machine it is for, and whether the file is whole.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const headerBytes = 64;

/** `e_machine`, for example 62 for x86-64 and 183 for aarch64; undefined when the file is no ELF file. */
export function elfMachine(path: string): number | undefined {
  return readElf(path)?.header.readUInt16LE(18);
}

/** Whether a 64-bit ELF file is there and has all its bytes: linkers write the table of sections last. */
export function isWholeElf(path: string): boolean {
  const elf = readElf(path);
  if (!elf) return false;
  const { header, size } = elf;
  const sections = Number(header.readBigUInt64LE(40));
  return size >= sections + header.readUInt16LE(58) * header.readUInt16LE(60);
}

function readElf(path: string): { header: Buffer; size: number } | undefined {
  let file;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const header = Buffer.alloc(headerBytes);
    const read = readSync(file, header, 0, headerBytes, 0);
    const isElf = read === headerBytes && header.readUInt32BE(0) === 0x7f454c46;
    return isElf ? { header, size: fstatSync(file).size } : undefined;
  } catch {
    return undefined; // a folder, for one
  } finally {
    closeSync(file);
  }
}
