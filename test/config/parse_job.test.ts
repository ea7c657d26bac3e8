import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseJob } from '../../lib/config/parse_job.js';
import type { Problem } from '../../lib/config/problems.js';
import { LoraShearError } from '../../lib/errors.js';

const cwd = '/home/ada';
const least = { model: 'm', sources: { web: 'web' } };

function problemsOf(input: unknown, overrides: string[] = []): Problem[] {
  try {
    parseJob(input, { cwd, overrides });
  } catch (thrown) {
    if (!(thrown instanceof LoraShearError)) throw thrown;
    t.equal(thrown.code, 'CONFIG_INVALID');
    return thrown.facts['problems'] as Problem[];
  }
  return [];
}

t.test('when only model and sources are given, then every default is filled in', async (t) => {
  const job = parseJob(least, { cwd });
  t.match(job, {
    model: '/home/ada/m',
    output: '/home/ada/runs/m-0.2',
    ratio: 0.2,
    seed: 0,
    device: 'cpu',
    sources: [{ name: 'web', path: '/home/ada/web', clean: false }],
    instruct: null,
    sequenceLength: 256,
    batchSize: 16,
    tokens: 400_000,
    knowledge: { proxy: 'magnitude', ratios: [0.25, 0.5, 0.75], protect: 0.1, sequences: 16 },
    lora: { r: 8, alpha: 16 },
    lhspg: { form: 'transfer', periods: 5, tokenShare: 0.1 },
    cut: { kvHeads: 'auto' },
    recovery: { learningRate: 1e-3, rounds: 4, eta: 0.3, tolerance: 0.005, distill: 0 },
    instructTuning: { tokens: 50_000, learningRate: 3e-4, rounds: 2, batchSize: 16 },
    evaluation: { tasks: [], perplexity: [], limit: null, windows: 48, samplePrompt: null },
  });
});

t.test('when a job was parsed, then nothing in it is undefined but what may be', async (t) => {
  const job = parseJob({ ...least, instruct: 'i.json' }, { cwd });
  t.same(JSON.parse(JSON.stringify(job)), job, 'it survives the manifest');
  t.match(job.instruct, { path: '/home/ada/i.json', template: 'alpaca-lora' });
});

t.test(
  'when paths stand in a file, then they start at the file; overrides at the caller',
  async (t) => {
    const job = parseJob(
      { ...least, output: 'out' },
      { base: '/jobs', cwd, overrides: ['sources.books=books', 'instruct.path=i.json'] },
    );
    t.equal(job.model, '/jobs/m');
    t.equal(job.output, '/jobs/out');
    t.same(
      job.sources.map(({ path }) => path),
      ['/jobs/web', '/home/ada/books'],
    );
    t.equal(job.instruct?.path, '/home/ada/i.json');
  },
);

t.test('when steps are given, then tokens follow from batch and window', async (t) => {
  const job = parseJob({ ...least, steps: 10, batch_size: 4, sequence_length: 32 }, { cwd });
  t.equal(job.tokens, 10 * 4 * 32);
});

t.test('when both steps and tokens are given, then that is a problem', async (t) => {
  t.match(problemsOf({ ...least, steps: 1, tokens: 1 }), [{ path: 'steps' }]);
});

t.test('when a source is there twice, then that is a problem', async (t) => {
  const sources = [
    { name: 'a', path: 'x' },
    { name: 'a', path: 'y' },
  ];
  t.match(problemsOf({ model: 'm', sources }), [{ path: 'sources.a', message: 'is there twice' }]);
});

t.test('when other tools’ names are used, then they are understood, but not twice', async (t) => {
  const job = parseJob(
    {
      'base-model': 'm',
      sources: { w: 'w' },
      'pruning-ratio': 0.5,
      lora_r: 4,
      max_steps: 2,
      cutoff_len: 8,
    },
    { cwd },
  );
  t.match(job, { model: '/home/ada/m', ratio: 0.5, lora: { r: 4 }, tokens: 2 * 16 * 8 });
  t.match(problemsOf({ ...least, base_model: 'x' }), [
    { path: 'base_model', message: /same as model/ },
  ]);
});

t.test('when the input is no map, then that is said', async (t) => {
  for (const input of [null, 3, 'x', []]) t.match(problemsOf(input), [{ message: /not a map/ }]);
});

t.test('when the model has a short context, windows are no longer than it', async (t) => {
  const model = t.testdir({ 'config.json': JSON.stringify({ max_position_embeddings: 128 }) });
  const job = { model, sources: { w: 'w' } };
  t.equal(parseJob(job).sequenceLength, 128);
  t.match(problemsOf({ ...job, sequence_length: 129 }), [
    { path: 'sequence_length', message: /context of 128/ },
  ]);
  t.equal(parseJob({ ...job, sequence_length: 64 }).sequenceLength, 64);
});

t.test(
  'when the model’s config is unreadable, then the load stage is left to say so',
  async (t) => {
    const model = t.testdir({});
    mkdirSync(join(model, 'm'));
    writeFileSync(join(model, 'm', 'config.json'), '{');
    t.equal(parseJob({ model: join(model, 'm'), sources: { w: 'w' } }).sequenceLength, 256);
  },
);

t.test('when keys contradict each other, then each contradiction is told', async (t) => {
  const tuning = { ...least, instruct_tuning: { tokens: 5000 } };
  t.match(problemsOf(tuning), [{ path: 'instruct_tuning', message: /needs instructions/ }]);
  t.same(problemsOf(tuning, ['instruct=null']), [], 'left out on purpose');
  t.same(problemsOf(tuning, ['instruct.path=i.json']), []);
  const limit = { ...least, evaluation: { limit: 100 } };
  t.match(problemsOf(limit), [{ path: 'evaluation.limit', message: /name some/ }]);
  t.same(problemsOf(limit, ['evaluation.tasks=[boolq]']), []);
  t.match(problemsOf({ ...least, steps: 5, tokens: 100 }), [{ path: 'steps', message: /same/ }]);
});

t.test('when no text is named, then the error says how', async (t) => {
  t.throws(() => parseJob({ model: 'm' }, { cwd, hub: '/no/hub' }), {
    code: 'CONFIG_INVALID',
    hint: /--source web=data\/web.*`hf download Skylion007\/openwebtext .*none is in \/no\/hub/,
    facts: {
      looked: ['/no/hub/datasets--Skylion007--openwebtext/plain_text', String, String, String],
      commands: [String, String, String, String],
    },
  });
  t.throws(() => parseJob({ ...least, ratio: 2 }, { cwd }), {
    code: 'CONFIG_INVALID',
    hint: /job\.schema\.json/,
  });
});
