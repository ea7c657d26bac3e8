import { join } from 'node:path';
import t from 'tap';
import { hasSettings, jobOf, listOf } from '../../lib/cli/job_options.js';

t.test('when only flags are given, then they make the job', async (t) => {
  const job = await jobOf([], {
    model: 'm',
    source: ['web=w', 'books=b=c'],
    instruct: 'i.json',
    ratio: '0.5',
    seed: '3',
    tokens: '1000',
    tasks: 'boolq, piqa',
    perplexity: ['gptq:wikitext2', 'llm-pruner:ptb=p'],
    limit: '20',
  });
  t.match(job, {
    model: join(process.cwd(), 'm'),
    ratio: 0.5,
    seed: 3,
    tokens: 1000,
    sources: [
      { name: 'web', path: join(process.cwd(), 'w') },
      { name: 'books', path: join(process.cwd(), 'b=c') },
    ],
    instruct: { path: join(process.cwd(), 'i.json') },
    evaluation: { tasks: ['boolq', 'piqa'], limit: 20, dataDir: /hub$/ },
  });
  t.match(job.evaluation.perplexity, [
    { protocol: 'gptq', text: 'wikitext2' },
    { protocol: 'llm-pruner', text: 'ptb', path: join(process.cwd(), 'p') },
  ]);
});

t.test('when file, overrides and flags speak, then the last has its way', async (t) => {
  const dir = t.testdir({
    'job.yaml':
      'model: m\nsources: { web: w }\nratio: 0.1\nseed: 1\ntokens: 5\ninstruct: { path: i, template: stanford }\n',
  });
  const file = join(dir, 'job.yaml');
  const job = await jobOf([file, 'ratio=0.2', 'seed=2'], {
    ratio: '0.3',
    source: ['web=v'],
    instruct: 'j',
  });
  t.match(job, {
    ratio: 0.3,
    seed: 2,
    tokens: 5,
    sources: [{ name: 'web', path: join(process.cwd(), 'v') }],
  });
  t.match(job.instruct, { path: join(process.cwd(), 'j'), template: 'stanford' });
});

t.test('when a flag is no number, then the schema says so', async (t) => {
  const flags = { model: 'm', source: ['w=w'], ratio: 'half', seed: '' };
  await t.rejects(jobOf([], flags), {
    code: 'CONFIG_INVALID',
    message: /ratio is "half", not a number/,
  });
});

t.test('when a source has no name or there are two files, then CONFIG_INVALID', async (t) => {
  for (const source of ['web', '=x', 'web=']) {
    await t.rejects(jobOf([], { model: 'm', source: [source] }), { code: 'CONFIG_INVALID' });
  }
  await t.rejects(jobOf(['a.yaml', 'b.yaml'], {}), {
    code: 'CONFIG_INVALID',
    message: /two job files/,
  });
});

t.test('when anything is set, then a resume knows', async (t) => {
  t.notOk(hasSettings([], {}));
  t.ok(hasSettings(['seed=1'], {}));
  t.ok(hasSettings([], { seed: '1' }));
  t.ok(hasSettings([], { tasks: 'boolq' }));
});

t.test('when names are listed, then blanks do not count', async (t) => {
  t.same(listOf(' a,b ,,c'), ['a', 'b', 'c']);
});
