import { join } from 'node:path';
import t from 'tap';
import { readInstructions } from '../../lib/data/alpaca.js';
import { findFiles } from '../../lib/data/files.js';
import { dataFolder, hubDataset } from '../../lib/data/hub_cache.js';
import { openSource } from '../../lib/data/source.js';

const line = (text: string) => `${JSON.stringify({ text })}\n`;
const refs = () => ({ main: 'abc\n' });

function cache() {
  return t.testdir({
    'datasets--org--flat': {
      refs: refs(),
      snapshots: {
        abc: { 'README.md': '', 'train-0.jsonl': line('one'), 'validation-0.jsonl': line('two') },
      },
    },
    'datasets--org--one--folder': {
      refs: refs(),
      snapshots: {
        abc: { 'dataset_infos.json': '{}', data: { 'a.jsonl': line('x') + line('y') } },
      },
    },
    'datasets--org--several': {
      refs: refs(),
      snapshots: { abc: { en: { 'train-0.txt': 'hello' }, fr: { 'train-0.txt': 'salut' } } },
    },
    'datasets--org--empty': { refs: refs(), snapshots: { abc: { 'README.md': 'nothing' } } },
    'datasets--org--gone': { refs: { main: 'other' }, snapshots: {} },
    'datasets--tatsu-lab--alpaca': {
      refs: refs(),
      snapshots: {
        abc: {
          'a.json': JSON.stringify([
            { instruction: 'Add.', input: '1 1', output: '2' },
            { instruction: 'Say yes.', output: 'yes' },
          ]),
        },
      },
    },
  });
}

t.test('when a dataset is in the cache, then its snapshot is read', async (t) => {
  const hub = cache();
  const flat = hubDataset(hub, 'org/flat');
  t.equal(flat, join(hub, 'datasets--org--flat'));
  const train = await findFiles(flat, 'train');
  t.strictSame(train.files, [join(flat, 'snapshots', 'abc', 'train-0.jsonl')]);
  t.notOk(train.shared);
  const source = await openSource('x', flat, { split: 'validation' });
  const texts: string[] = [];
  for await (const { text } of source.documents()) texts.push(text);
  t.strictSame(texts, ['two']);
  const nested = hubDataset(hub, 'org/one--folder');
  t.equal(dataFolder(nested), join(nested, 'snapshots', 'abc', 'data'));
  const several = hubDataset(hub, 'org/several');
  t.equal(dataFolder(join(several, 'fr')), join(several, 'snapshots', 'abc', 'fr'));
  const instructions = await readInstructions(hubDataset(hub, 'tatsu-lab/alpaca'));
  t.equal(instructions.length, 1, 'the other is held out');
});

t.test('when a path is no dataset, then it is itself', (t) => {
  for (const path of ['/a/b', '/hub/datasets--a--b/snapshots/r/data', '/datasets--x']) {
    t.equal(dataFolder(path), path);
  }
  t.end();
});

t.test(
  'when a dataset is not there, then the error says where it looked and how to get it',
  (t) => {
    const hub = cache();
    const refused = (id: string, inside: string, message: RegExp, hint: RegExp): void => {
      t.throws(() => dataFolder(join(hubDataset(hub, id), inside)), {
        code: 'DATA_NOT_FOUND',
        message,
        hint,
      });
    };
    const get = (rest: string): RegExp => new RegExp(`\`hf download ${rest}\``);
    refused(
      'no/such',
      '',
      /no file or folder no\/such, and no dataset of this name in the hub cache.*datasets--no--such.*<revision>/,
      get('no/such --repo-type dataset'),
    );
    refused('org/gone', '', /no file or folder org\/gone/, get('org/gone --repo-type dataset'));
    refused('org/empty', '', /datasets--org--empty.snapshots.abc/, /HF_HOME/);
    refused(
      'org/several',
      'de',
      /abc.de$/,
      get('org/several --repo-type dataset --include "de/\\*"'),
    );
    refused('org/several', '', /several folders of data .*: en, fr$/, /org\/several\/en/);
    t.end();
  },
);
