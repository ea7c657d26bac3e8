import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { hubCacheFolder } from '../../lib/data/hub_cache.js';
import { readHubSplit } from '../../lib/evaluate/hub_cache.js';
import { expected, hub } from '../fixtures/evaluation.js';

const arc = { path: 'allenai/ai2_arc', name: 'ARC-Easy', split: 'test' };

t.test('when the environment names a cache, then it is taken', (t) => {
  t.equal(hubCacheFolder({ HF_HUB_CACHE: '/a', HF_HOME: '/b' }), '/a');
  t.equal(hubCacheFolder({ HF_HOME: '/b' }), join('/b', 'hub'));
  t.equal(hubCacheFolder({ XDG_CACHE_HOME: '/c' }), join('/c', 'huggingface', 'hub'));
  t.equal(hubCacheFolder(), join(homedir(), '.cache', 'huggingface', 'hub'));
  t.end();
});

t.test('when a split is read, then its rows are plain and in order', async (t) => {
  const rows = await readHubSplit(hub, arc);
  t.strictSame(
    rows,
    expected.tasks.arc_easy.samples.map(({ doc }) => doc),
  );
  t.strictSame(Object.keys(rows[0]!), ['id', 'question', 'choices', 'answerKey']);
  const [boolq] = await readHubSplit(hub, {
    path: 'aps/super_glue',
    name: 'boolq',
    split: 'validation',
  });
  t.equal(boolq!['label'], 1, 'int64 is a number');
  t.strictSame(await readHubSplit(dirname(hub), arc), rows, 'HF_HOME serves as well');
});

t.test('when there is one configuration only, then it needs no name', async (t) => {
  const rows = await readHubSplit(hub, { path: 'baber/piqa', name: null, split: 'validation' });
  t.equal(rows.length, 2);
});

t.test('when data is missing, then the error says where and how to get it', async (t) => {
  const dir = t.testdir({});
  const notFound = (message: RegExp) => ({ code: 'DATA_NOT_FOUND', message });
  const said = await readHubSplit(dir, arc).catch((error: unknown) => error);
  t.match(said, notFound(/datasets--allenai--ai2_arc/));
  t.match(said, { hint: /huggingface-cli download --repo-type dataset allenai\/ai2_arc/ });

  cpSync(join(hub, 'datasets--allenai--ai2_arc'), join(dir, 'datasets--allenai--ai2_arc'), {
    recursive: true,
  });
  await t.rejects(readHubSplit(dir, { ...arc, split: 'train' }), notFound(/ARC-Easy.train-/));
  await t.rejects(readHubSplit(dir, { ...arc, name: 'ARC-Odd' }), notFound(/ARC-Odd/));
  const snapshots = join(dir, 'datasets--allenai--ai2_arc', 'snapshots');
  rmSync(snapshots, { recursive: true });
  await t.rejects(readHubSplit(dir, arc), notFound(/<revision>/));
});

t.test('when a file is no parquet, then that is an error', async (t) => {
  const dir = t.testdir({});
  const dataset = join(dir, 'datasets--a--b');
  mkdirSync(join(dataset, 'refs'), { recursive: true });
  mkdirSync(join(dataset, 'snapshots', 'r'), { recursive: true });
  writeFileSync(join(dataset, 'refs', 'main'), 'r\n');
  writeFileSync(join(dataset, 'snapshots', 'r', 'test.parquet'), 'version https://git-lfs');
  await t.rejects(readHubSplit(dir, { path: 'a/b', name: null, split: 'test' }), {
    code: 'DATA_INVALID',
  });
});
