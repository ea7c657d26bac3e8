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
    lhspg: { form: 'transfer', periods: 5, tokenShare: 0.2 },
    cut: { kvHeads: 'auto' },
    recovery: { learningRate: 1e-3, rounds: 4, eta: 0.3, tolerance: 0.005, distill: 0 },
    instructTuning: { tokens: 50_000, learningRate: 3e-4, rounds: 2, batchSize: 16 },
    evaluation: { tasks: [], limit: null, windows: 48, samplePrompt: null },
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

t.test('when a key is misspelt, then the nearest key is suggested', async (t) => {
  const told = problemsOf({ ...least, lhspg: { perods: 3 }, modle: 1, periods: 3, zzzzzz: 1 });
  t.match(told, [
    { path: 'lhspg.perods', message: /did you mean lhspg\.periods\?/ },
    { path: 'modle', message: /did you mean model\?/ },
    { path: 'periods', message: /did you mean lhspg\.periods\?/ },
    { path: 'zzzzzz', message: /^is no key of a job$/ },
  ]);
});

t.test('when a key fits several places, then all of them are named', async (t) => {
  const [told] = problemsOf({ ...least, learning_rate: 1 });
  t.match(told?.message, 'lhspg.learning_rate or recovery.learning_rate');
});

t.test('when a name is not in its registry, then the nearest is suggested', async (t) => {
  t.match(problemsOf({ ...least, lhspg: { saliency: 'fluctuaton' } }), [
    { path: 'lhspg.saliency', message: /did you mean fluctuation\?/ },
  ]);
  t.match(problemsOf({ ...least, evaluation: { tasks: ['arc-easy'] } }), [
    { path: 'evaluation.tasks[0]', message: /did you mean arc_easy\?/ },
  ]);
});

t.test('when many things are wrong, then each is told, with its place and value', async (t) => {
  const told = problemsOf({
    sources: [{ name: 'a', path: 3 }, { name: 'b!', path: 'x' }, { path: 'y' }],
    ratio: 'x',
    seed: -1,
    batch_size: 1.5,
    device: 'gpu',
    lora: 3,
    knowledge: { ratios: [], protect: 1 },
    cut: { kv_heads: 'some' },
    recovery: { eta: 2 },
  });
  t.match(
    Object.fromEntries(told.map(({ path, message }) => [path, message])),
    Object.fromEntries([
      ['model', 'is missing'],
      ['sources.a.path', 'is 3, not a string'],
      ['sources.b!.name', /must be letters/],
      ['sources[2].name', 'is missing'],
      ['ratio', 'is "x", not a number'],
      ['seed', 'is -1, which is not at least 0'],
      ['batch_size', 'is 1.5, not a whole number'],
      ['device', /must be "cpu"/],
      ['lora', 'is 3, not an object'],
      ['knowledge.ratios', 'is empty'],
      ['knowledge.protect', 'is 1, which is not less than 1'],
      ['cut.kv_heads', /must be "auto"/],
      ['recovery.eta', 'is 2, which is not at most 1'],
    ]),
  );
  t.equal(told.length, 13);
});

t.test('when there is no source, one is asked for', async (t) => {
  t.match(problemsOf({ model: 'm' }), [{ path: 'sources', message: 'is missing' }]);
  t.match(problemsOf({ model: 'm', sources: {} }), [{ path: 'sources', message: /no source/ }]);
  t.match(problemsOf({ model: 'm', sources: 'web' }), [{ path: 'sources', message: /must be/ }]);
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

t.test('when ε is given for a form that does not test it, then the job is refused', (t) => {
  const input = { model: 'm', sources: { web: 'w' } };
  t.throws(() => parseJob({ ...input, lhspg: { epsilon: 0.5 } }), {
    code: 'CONFIG_INVALID',
    message: /lhspg\.epsilon/,
  });
  t.equal(parseJob({ ...input, lhspg: { form: 'paper', epsilon: 0.5 } }).lhspg.epsilon, 0.5);
  t.end();
});
