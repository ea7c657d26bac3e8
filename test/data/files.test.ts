import { symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { findFiles } from '../../lib/data/files.js';

t.test('when a folder names its splits, then each gets its files', async (t) => {
  const dir = t.testdir({
    'train-00001-of-00002.jsonl': '',
    'train-00000-of-00002.jsonl': '',
    'validation-00000-of-00001.jsonl': '',
    'test-00000-of-00001.jsonl': '',
    'dataset_info.json': '{}',
    'README.md': '',
  });
  const names = async (split: 'train' | 'validation') => {
    const { files, format, shared } = await findFiles(dir, split);
    return { files: files.map((file) => basename(file)), format, shared };
  };
  t.strictSame(await names('train'), {
    files: ['train-00000-of-00002.jsonl', 'train-00001-of-00002.jsonl'],
    format: 'jsonl',
    shared: false,
  });
  t.strictSame((await names('validation')).files, ['validation-00000-of-00001.jsonl']);
});

t.test('when there is no validation split, then both share the files', async (t) => {
  const dir = t.testdir({ 'b.txt': '', 'a.txt': '', 'test.txt': '', 'trains.txt': '' });
  for (const split of ['train', 'validation'] as const) {
    const { files, shared } = await findFiles(dir, split);
    t.strictSame(
      files,
      ['a.txt', 'b.txt', 'trains.txt'].map((name) => join(dir, name)),
    );
    t.ok(shared);
  }
  const one = await findFiles(join(dir, 'a.txt'), 'validation');
  t.strictSame(one, { files: [join(dir, 'a.txt')], format: 'text', shared: true });
});

t.test('when only the validation file is named so, then the others are for training', async (t) => {
  const dir = t.testdir({ 'alpaca_data.json': '[]', 'alpaca_validation.json': '[]' });
  t.strictSame((await findFiles(dir, 'train')).files, [join(dir, 'alpaca_data.json')]);
  t.strictSame((await findFiles(dir, 'validation')).files, [join(dir, 'alpaca_validation.json')]);
});

t.test('when nothing is found, then the message says what was looked for', async (t) => {
  const dir = t.testdir({
    nested: { data: { 'train.parquet': 'PAR1' } },
    empty: {},
    held: { 'validation.txt': 'a' },
    mixed: { 'a.txt': 'a', 'b.jsonl': '{}' },
  });
  const missing = (message: RegExp) => ({ code: 'DATA_NOT_FOUND', message, hint: String });
  await t.rejects(findFiles(join(dir, 'no'), 'train'), missing(/no file or folder .*no$/));
  await t.rejects(findFiles(join(dir, 'empty'), 'train'), missing(/train-\*\.parquet.*found none/));
  await t.rejects(findFiles(join(dir, 'nested'), 'train'), missing(/only folders \(data\)/));
  await t.rejects(findFiles(join(dir, 'held'), 'train'), missing(/only validation\.txt/));
  t.equal((await findFiles(join(dir, 'held'), 'validation')).files.length, 1);
  await t.rejects(findFiles(join(dir, 'mixed'), 'train'), {
    code: 'DATA_INVALID',
    message: /several formats: text \(a\.txt\), jsonl \(b\.jsonl\)/,
  });
  symlinkSync(join(dir, 'gone'), join(dir, 'empty/dangling.txt'));
  await t.rejects(findFiles(join(dir, 'empty'), 'train'), missing(/dangling\.txt cannot be read/));
});
