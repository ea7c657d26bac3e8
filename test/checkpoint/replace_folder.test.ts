import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { replaceFolder } from '../../lib/checkpoint/replace_folder.js';

const writing =
  (text: string) =>
  (dir: string): void =>
    writeFileSync(join(dir, 'file'), text);

t.test('when a folder is written, then it takes the place of the one before', (t) => {
  const dir = t.testdir({});
  const at = join(dir, 'out');
  replaceFolder(at, writing('one'));
  replaceFolder(at, (partial) => {
    t.equal(readFileSync(join(at, 'file'), 'utf8'), 'one', 'until it is whole');
    writing('two')(partial);
  });
  t.equal(readFileSync(join(at, 'file'), 'utf8'), 'two');
  t.same(readdirSync(dir), ['out']);
  t.end();
});

t.test('when writing fails, then the folder before stays and nothing lies beside it', (t) => {
  const dir = t.testdir({});
  const at = join(dir, 'out');
  replaceFolder(at, writing('one'));
  const fail = (partial: string): void => {
    writing('half')(partial);
    throw new Error('the disk is full');
  };
  t.throws(() => replaceFolder(at, fail), { code: 'OUTPUT_FAILED', facts: { path: at } });
  t.equal(readFileSync(join(at, 'file'), 'utf8'), 'one');
  t.same(readdirSync(dir), ['out']);
  t.throws(() => replaceFolder(join(at, 'file', 'below'), writing('x')), { code: 'OUTPUT_FAILED' });
  t.end();
});
