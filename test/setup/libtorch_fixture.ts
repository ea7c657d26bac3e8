// A folder that looks like a libtorch to set-up: version header, ELF-headed libraries, one header.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elfHeader } from './elf_fixture.js';

interface FixtureOptions {
  version?: [number, number, number];
  machine?: number;
  cuda?: boolean;
}

/** Writes the folder and returns it. */
export function fakeLibtorch(
  folder: string,
  {
    version = [2, 11, 0],
    machine = process.arch === 'x64' ? 62 : 183,
    cuda = false,
  }: FixtureOptions = {},
): string {
  mkdirSync(join(folder, 'lib'), { recursive: true });
  mkdirSync(join(folder, 'include', 'ATen'), { recursive: true });
  mkdirSync(join(folder, 'include', 'torch', 'headeronly'), { recursive: true });
  const elf = elfHeader(machine);
  const libraries = ['libtorch_cpu.so', 'libc10.so', ...(cuda ? ['libtorch_cuda.so'] : [])];
  for (const name of libraries) writeFileSync(join(folder, 'lib', name), elf);
  writeFileSync(join(folder, 'include', 'ATen', 'ATen.h'), '');
  const lines = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part, i) => `#define TORCH_VERSION_${part} ${version[i]}`,
  );
  writeFileSync(
    join(folder, 'include', 'torch', 'headeronly', 'version.h'),
    `${lines.join('\n')}\n`,
  );
  return folder;
}
