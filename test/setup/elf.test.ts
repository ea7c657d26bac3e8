import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { addonPath } from '../../lib/setup/addon_path.js';
import { elfMachine, isWholeElf } from '../../lib/setup/elf.js';
import { elfHeader } from './elf_fixture.js';

t.test('when a header is read, then it tells the machine', (t) => {
  const path = join(t.testdir(), 'a.so');
  writeFileSync(path, elfHeader(183));
  t.equal(elfMachine(path), 183);
  t.equal(elfMachine(process.execPath), process.arch === 'x64' ? 62 : 183);
  t.end();
});

t.test('when the file is none, a folder, short or missing, then it is no ELF file', (t) => {
  const root = t.testdir({ text: 'x'.repeat(100), short: '\x7fELF', empty: '', folder: {} });
  for (const name of ['text', 'short', 'empty', 'folder', 'missing']) {
    t.equal(elfMachine(join(root, name)), undefined, name);
    t.notOk(isWholeElf(join(root, name)), name);
  }
  t.end();
});

t.test('when the addon loses its last byte, then it is not whole', (t) => {
  const built = addonPath();
  if (!built) throw new Error('this test needs the addon: node scripts/bootstrap.mjs');
  t.ok(isWholeElf(built));
  const bytes = readFileSync(built);
  const path = join(t.testdir(), 'cut.node');
  for (const length of [bytes.length - 1, 4096, 64, 10]) {
    writeFileSync(path, bytes.subarray(0, length));
    t.notOk(isWholeElf(path), `${length} bytes`);
  }
  t.end();
});
