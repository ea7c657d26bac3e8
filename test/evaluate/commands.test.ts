import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createContext } from '../../lib/context.js';
import { compareModels, evaluateModel, readTasks, scoreFile } from '../../lib/evaluate/commands.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { expected, hub, stories } from '../fixtures/evaluation.js';
import { ptb, wikitextRaw } from '../fixtures/perplexity.js';

const ctx = createContext();

t.test('when a folder is evaluated, then the result has its metrics and is on disk', async (t) => {
  const output = join(t.testdir({}), 'out.json');
  const seen: unknown[] = [];
  const results = await evaluateModel(ctx, {
    model: stories,
    tasks: ['boolq', 'arc_easy'],
    limit: 2,
    output,
    logSamples: true,
    dataDir: hub,
    progress: (...at) => seen.push(at),
  });
  t.match(results, {
    'n-samples': { boolq: { original: 3, effective: 2 }, arc_easy: { effective: 2 } },
    config: { model_num_parameters: 260032, limit: 2 },
    tokenizer_bos_token: ['<s>', 1],
    max_length: 512,
  });
  t.strictSame(JSON.parse(readFileSync(output, 'utf8')), JSON.parse(JSON.stringify(results)));
  for (const file of Object.values(results.lorashear.samples))
    t.ok(existsSync(join(output, '..', file)));
  t.strictSame(seen.at(-1), [7, 7, 'arc_easy']);
});

t.test('when all documents are asked, then the metrics are those of lm-eval', async (t) => {
  const { results } = await evaluateModel(ctx, {
    model: stories,
    tasks: ['openbookqa'],
    dataDir: hub,
  });
  t.strictSame(results['openbookqa'], expected.tasks.openbookqa.results);
});

t.test('when perplexities are asked for, then they stand beside the tasks', async (t) => {
  const { results, lorashear } = await evaluateModel(ctx, {
    model: stories,
    tasks: ['piqa'],
    perplexity: [`lm-eval-wikitext:wikitext2=${wikitextRaw}`, `gptq@64:ptb=${ptb}`],
    dataDir: hub,
  });
  t.strictSame(Object.keys(results), ['piqa', 'wikitext', 'gptq@64:ptb']);
  t.match(lorashear.perplexity, [{ protocol: 'lm-eval-wikitext' }, { window: 64, windows: 2 }]);
  const alone = await evaluateModel(ctx, { model: stories, perplexity: [`gptq@64:ptb=${ptb}`] });
  t.strictSame(alone.results['gptq@64:ptb'], results['gptq@64:ptb']);
  t.strictSame(Object.keys(alone.results), ['gptq@64:ptb']);
});

t.test('when a model is compared with another, then each is measured as alone', async (t) => {
  const dir = t.testdir({});
  cpSync(stories, join(dir, 'other'), { recursive: true });
  const other = join(dir, 'other');
  const weights = readFileSync(join(other, 'model.safetensors'));
  weights.fill(0, weights.length - 64 * 172 * 4); // part of the last tensor of the file
  writeFileSync(join(other, 'model.safetensors'), weights);
  const asked = {
    ...{ tasks: ['openbookqa', 'boolq'], perplexity: [`gptq@64:ptb=${ptb}`], limit: 3 },
    ...{ dataDir: hub, output: join(dir, 'out.json') },
  };
  const seen = new Set<string | undefined>();
  const before = tensorCount();
  const found = await compareModels(ctx, {
    ...{ ...asked, model: other, against: stories, logSamples: true },
    progress: (_, __, task) => seen.add(task),
  });
  t.equal(tensorCount(), before);
  const alone = await evaluateModel(ctx, { ...asked, model: other, output: undefined });
  t.strictSame(found.model.results, alone.results);
  t.match(found.comparison, {
    ...{ model: other, against: stories },
    tasks: [{ task: 'openbookqa', metric: 'acc', documents: 3, chance: 0.25 }, {}, {}],
    means: [{ metric: 'acc' }, { metric: 'acc_norm or acc' }],
    perplexity: [{ name: 'gptq@64:ptb', paired: true, stderr: Number }],
  });
  const [text] = found.comparison.perplexity;
  const [mine, theirs] = [found.model, found.against].map(
    ({ lorashear }) => lorashear.perplexity[0]?.nll ?? NaN,
  ) as [number, number];
  t.not(mine, theirs);
  t.ok(Math.abs((text?.difference ?? NaN) - (mine - theirs)) < 1e-12);
  t.ok((text?.stderr ?? 0) > 0);
  t.ok(seen.has('boolq (other)') && seen.has('boolq (stories260K)'), 'each says whose it is');

  const written = (name: string) =>
    JSON.parse(readFileSync(join(dir, name), 'utf8')) as typeof found.model;
  t.strictSame(written('out.json').lorashear.comparison, found.comparison);
  const reference = written('out.against.json');
  t.equal(reference['model_name'], stories);
  t.notOk(reference.lorashear.comparison);
  const files = [found.model, found.against].flatMap(({ lorashear }) =>
    Object.values(lorashear.samples),
  );
  t.equal(new Set(files.filter((file) => existsSync(join(dir, file)))).size, 4);
});

t.test('when a model is compared with itself, then nothing differs', async (t) => {
  const { comparison } = await compareModels(ctx, {
    ...{ model: stories, against: stories, tasks: ['arc_easy'], dataDir: hub },
    perplexity: [`lm-eval-wikitext:wikitext2=${wikitextRaw}`],
  });
  const [acc] = comparison.tasks;
  t.match(acc, { difference: 0, stderr: 0 });
  t.match(comparison.perplexity, [{ difference: 0, stderr: 0, metric: 'word_perplexity' }]);
});

t.test(
  'when an evaluation cannot be done, then a typed error says so before the model is loaded',
  async (t) => {
    const base = { model: join(t.testdir({}), 'nowhere'), tasks: ['boolq'], dataDir: hub };
    const fails = (changes: object, code: string) =>
      t.rejects(evaluateModel(ctx, { ...base, ...changes }), { code });
    await fails({ tasks: ['bolq'] }, 'TASK_UNKNOWN');
    await fails({ tasks: [] }, 'TASK_UNKNOWN');
    await fails({ perplexity: ['gptk'] }, 'CONFIG_INVALID');
    await fails({ perplexity: ['gptq:ptb'] }, 'DATA_NOT_FOUND');
    await fails({ limit: -1 }, 'CONFIG_INVALID');
    await fails({ logSamples: true }, 'CONFIG_INVALID');
    await fails({ dataDir: base.model }, 'DATA_NOT_FOUND');
    await fails({}, 'CHECKPOINT_NOT_FOUND');
  },
);

t.test('when the tokenizer is unusable, then the model is given up', async (t) => {
  const dir = t.testdir({});
  cpSync(stories, dir, { recursive: true });
  writeFileSync(join(dir, 'tokenizer.json'), '{');
  const before = tensorCount();
  await t.rejects(scoreFile(ctx, { model: dir, file: join(dir, 'config.json') }), {
    code: 'TOKENIZER_INVALID',
  });
  t.equal(tensorCount(), before);
});

t.test('when no folder is named, then the data is sought where the hub keeps it', async (t) => {
  await t.rejects(readTasks(['no_such_task']), { code: 'TASK_UNKNOWN' });
});

t.test('when a file is scored, then every token has its log-probability', async (t) => {
  const dir = t.testdir({ 'a.txt': expected.text });
  const before = tensorCount();
  const score = await scoreFile(ctx, { model: stories, file: join(dir, 'a.txt'), maxLength: 16 });
  t.equal(tensorCount(), before);
  t.equal(score.protocol, 'rolling-16');
  t.strictSame(
    score.tokens.map(({ id }) => id),
    expected.ids,
  );
  const [none, ...rest] = score.tokens.map(({ logprob }) => logprob);
  t.equal(none, null);
  t.ok(rest.every((value, i) => Math.abs(value! - expected.rolling['16']![i]!) < 1e-4));
});

t.test('when a text cannot be read, then a typed error says why', async (t) => {
  const dir = t.testdir({ empty: '', latin1: Buffer.from([0x63, 0xe9, 0x20]) });
  const fails = (file: string, code: string) =>
    t.rejects(scoreFile(ctx, { model: stories, file: join(dir, file) }), { code });
  await fails('none', 'DATA_NOT_FOUND');
  await fails('.', 'DATA_NOT_FOUND');
  await fails('empty', 'DATA_EMPTY');
  await fails('latin1', 'DATA_INVALID');
});
