// The smallest file that passes for a whole 64-bit ELF file: its header, and a table of sections of no entries at its end.

/** ELF header of `machine`, whose table of sections ends at `bytes`; the buffer is just the header. */
export function elfHeader(machine: number, bytes = 64): Buffer {
  const elf = Buffer.alloc(64);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.writeUInt16LE(machine, 18);
  elf.writeBigUInt64LE(BigInt(bytes), 40);
  return elf;
}
