import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  copyDurably,
  discard,
  flushFolder,
  writeAll,
  writeDurably,
  writeFailure,
  writeTextDurably,
} from '../../lib/checkpoint/durable_file.js';
import { LoraShearError } from '../../lib/errors.js';

t.test('when text or bytes are written, then the file holds them and nothing of before', (t) => {
  const dir = t.testdir({ old: 'something longer than the new text' });
  writeTextDurably(join(dir, 'old'), 'häß');
  t.equal(readFileSync(join(dir, 'old'), 'utf8'), 'häß');
  writeDurably(join(dir, 'new'), (fd) => {
    writeAll(fd, new Uint8Array([1, 2]));
    writeAll(fd, new Uint8Array(0));
    writeAll(fd, new Uint8Array([3]));
  });
  t.same([...readFileSync(join(dir, 'new'))], [1, 2, 3]);
  flushFolder(dir);
  t.end();
});

t.test('when a link is copied, then the copy is a file of its own', (t) => {
  const dir = t.testdir({ blob: 'content' });
  symlinkSync(join(dir, 'blob'), join(dir, 'link'));
  copyDurably(join(dir, 'link'), join(dir, 'copy'));
  writeFileSync(join(dir, 'blob'), 'changed');
  t.equal(readFileSync(join(dir, 'copy'), 'utf8'), 'content');
  t.end();
});

t.test('when what a failed write left is discarded, then no second error comes', (t) => {
  const dir = t.testdir({ file: '' });
  mkdirSync(join(dir, 'folder', 'inner'), { recursive: true });
  discard(join(dir, 'folder'));
  discard(join(dir, 'missing'));
  discard(join(dir, 'file', 'below a file'));
  t.same(readdirSync(dir), ['file']);
  t.end();
});

t.test('when a write fails, then the error is typed, and one that is typed stays as it is', (t) => {
  const failure = writeFailure('/some/path', new Error('ENOSPC: no space left'));
  t.match(failure, {
    code: 'OUTPUT_FAILED',
    message: /\/some\/path.*ENOSPC/,
    hint: String,
    facts: { path: '/some/path' },
  });
  const stopped = new LoraShearError('RUN_ABORTED', 'stopped');
  t.equal(writeFailure('/some/path', stopped), stopped);
  t.equal(writeFailure('/p', { code: 'TENSOR_DISPOSED', message: 'gone' }).code, 'TENSOR_DISPOSED');
  t.end();
});
