import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LoraShearError } from '../../lib/errors.js';
import { inputFiles } from '../../lib/run_folder/input_files.js';
import { smallInputs, smallJob } from '../fixtures/small_job.js';

const named = (files: { path: string; role: string }[], dir: string) =>
  files.map(({ path, role }) => `${role} ${path.slice(dir.length + 1)}`);

t.test('when files are listed, then each has its size and SHA-256, sorted by path', async (t) => {
  const dir = t.testdir(smallInputs);
  const files = await inputFiles(smallJob(dir));
  t.same(named(files, dir), [
    'instructions alpaca.json',
    'data data/train.jsonl',
    'data data/validation.jsonl',
    'model model/config.json',
    'model model/model.safetensors',
    'model model/tokenizer.json',
  ]);
  for (const { path, bytes, sha256 } of files) {
    const content = readFileSync(path);
    t.equal(bytes, content.length);
    t.equal(sha256, createHash('sha256').update(content).digest('hex'));
  }
});

t.test(
  'when a model has shards and more files, then all that decide on it are listed',
  async (t) => {
    const dir = t.testdir({
      ...smallInputs,
      model: {
        ...smallInputs.model,
        'model.safetensors.index.json': '{"weight_map":{"a":"b.safetensors","c":"a.safetensors"}}',
        'a.safetensors': 'a',
        'b.safetensors': 'b',
        'generation_config.json': '{}',
        'tokenizer_config.json': '{}',
        'special_tokens_map.json': '{}',
        'README.md': 'no part of the model',
      },
    });
    const files = await inputFiles(smallJob(dir, { instruct: null }));
    t.same(
      named(files, dir).filter((name) => name.startsWith('model')),
      [
        'model model/a.safetensors',
        'model model/b.safetensors',
        'model model/config.json',
        'model model/generation_config.json',
        'model model/model.safetensors.index.json',
        'model model/special_tokens_map.json',
        'model model/tokenizer.json',
        'model model/tokenizer_config.json',
      ],
    );
  },
);

t.test(
  'when instructions are validated on other files, then it is those that are read',
  async (t) => {
    const both = { 'train.jsonl': '1', 'validation.jsonl': '2' };
    const dir = t.testdir({ ...smallInputs, both, alone: { 'validation.jsonl': '3' } });
    const of = async (validation: string) => {
      const instruct = { path: 'alpaca.json', validation };
      const files = await inputFiles(smallJob(dir, { instruct }));
      return named(files, dir).filter((name) => /both|alone/.test(name));
    };
    t.same(await of('both'), ['instructions both/validation.jsonl']);
    t.same(await of('alone'), ['instructions alone/validation.jsonl']);
    t.same(
      await of('both/train.jsonl'),
      ['instructions both/train.jsonl'],
      'a file is what it is named for',
    );
  },
);

t.test('when a file serves twice, then it is listed once', async (t) => {
  const dir = t.testdir(smallInputs);
  const sources = { web: 'data', again: 'data', one: 'data/train.jsonl' };
  const files = await inputFiles(smallJob(dir, { sources }));
  t.equal(new Set(files.map(({ path }) => path)).size, files.length);
  t.equal(files.filter(({ role }) => role === 'data').length, 2);
});

t.test('when something is not there or not readable, then the error says which', async (t) => {
  const dir = t.testdir({ ...smallInputs, broken: {}, empty: {} });
  symlinkSync(join(dir, 'nowhere'), join(dir, 'broken', 'train.jsonl'));
  const cases = [
    [{ model: 'nowhere' }, 'CHECKPOINT_NOT_FOUND', /nowhere/],
    [{ model: 'data' }, 'CHECKPOINT_NOT_FOUND', /config\.json/],
    [{ sources: { web: 'nowhere' } }, 'DATA_NOT_FOUND', /nowhere/],
    [{ sources: { web: 'empty' } }, 'DATA_NOT_FOUND', /no training files/],
    [{ sources: { web: 'broken' } }, 'DATA_NOT_FOUND', /train\.jsonl/],
    [{ instruct: 'nowhere' }, 'DATA_NOT_FOUND', /nowhere/],
    [{ instruct: { path: 'alpaca.json', validation: 'no' } }, 'DATA_NOT_FOUND', /no/],
  ] as const;
  for (const [change, code, message] of cases) {
    await t.rejects(inputFiles(smallJob(dir, change)), { code, message }, JSON.stringify(change));
  }
  writeFileSync(join(dir, 'model', 'config.json'), '{');
  await t.rejects(inputFiles(smallJob(dir)), { code: 'CHECKPOINT_INVALID' });
});

t.test('when a file of the model is no file, then CHECKPOINT_NOT_FOUND names it', async (t) => {
  const dir = t.testdir(smallInputs);
  rmSync(join(dir, 'model', 'tokenizer.json'));
  mkdirSync(join(dir, 'model', 'tokenizer.json'));
  await t.rejects(inputFiles(smallJob(dir)), {
    code: 'CHECKPOINT_NOT_FOUND',
    facts: { path: join(dir, 'model', 'tokenizer.json') },
  });
});

t.test('when the user stops meanwhile, then what the checkpoint throws comes out', async (t) => {
  const dir = t.testdir(smallInputs);
  let read = 0;
  const stop = () => {
    if (++read === 3) throw new LoraShearError('RUN_ABORTED', 'stopped');
  };
  await t.rejects(inputFiles(smallJob(dir), stop), { code: 'RUN_ABORTED' });
  t.equal(read, 3, 'and nothing more is read');
});
