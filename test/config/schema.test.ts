import t from 'tap';
import { jobFileSchema, jobSchema } from '../../lib/config/schema.js';
import { setKey } from '../../lib/config/normalise.js';

const least = { model: '/m', sources: [{ name: 'web', path: '/w' }] };

t.test('when nothing else is said, then these are the settings', async (t) => {
  t.strictSame(jobSchema.parse({ ...least, instruct: { path: '/i' } }), {
    model: '/m',
    ratio: 0.2,
    seed: 0,
    device: 'cpu',
    sources: [{ name: 'web', path: '/w', clean: false }],
    instruct: { path: '/i', template: 'alpaca-lora', train_on_inputs: false },
    batch_size: 16,
    micro_batch_size: null,
    checkpointing: 'none',
    cuda_graphs: false,
    dtype: 'float32',
    knowledge: {
      proxy: 'magnitude',
      ratios: [0.25, 0.5, 0.75],
      protect: 0.1,
      sequences: 16,
      pairs: 0,
    },
    lora: { r: 8, alpha: 16 },
    lhspg: {
      form: 'transfer',
      saliency: 'reconstruction',
      sequences: 64,
      periods: 5,
      rounds: 1,
      rest_share: 0.3,
      token_share: 0.1,
      warmup_share: 0.1,
      learning_rate: 1e-3,
      schedule: 'constant',
      clip: 1,
      epsilon: 0,
      pull: 'linear',
    },
    cut: {
      kv_heads: 'auto',
      kinds: ['attention_heads', 'mlp_channels', 'expert_channels'],
      budget: 'parameters',
      allocation: 'layer',
      importance: 'knowledge',
      floor: 0.05,
      round_channels_to: 1,
      engines: [],
    },
    export: { form: 'uniform', max_shard_bytes: 5_000_000_000 },
    deduplicate: true,
    recovery: {
      learning_rate: 1e-3,
      rounds: 4,
      mixture: 'degradation',
      packing: 'documents',
      eta: 0.3,
      tolerance: 0.005,
      patience: 2,
      max_seconds: null,
      validation_windows: 16,
      distill: 0,
    },
    instruct_tuning: {
      tokens: 50_000,
      learning_rate: 3e-4,
      rounds: 2,
      batch_size: 16,
      packing: 'rows',
      max_seconds: null,
    },
    evaluation: { tasks: [], perplexity: [], limit: null, windows: 48, sample_prompt: null },
  });
  t.equal(jobSchema.parse(least).instruct, null);
});

/** Places at which the schema objects to `value` at a dotted key; none where it is taken. */
function objections(key: string, value: unknown): string[] {
  const job = structuredClone(least);
  setKey(job, key, value);
  return jobSchema.safeParse(job).error?.issues.map(({ path }) => path.join('.')) ?? [];
}

/** What each kind of number may be (Job's own comments), and the nearest that it may not. */
const bounds = {
  'share of units or parameters': { takes: [0.001, 0.999], refuses: [0, 1, -0.1, 1.1] },
  share: { takes: [0, 0.5, 1], refuses: [-0.001, 1.001] },
  'share below one': { takes: [0, 0.999], refuses: [1, -0.001] },
  count: { takes: [1, 2, 1e6], refuses: [0, -1, 1.5] },
  'natural number': { takes: [0, 7], refuses: [-1, 0.5] },
  'learning rate': { takes: [1e-9, 1], refuses: [0, -1e-3, 1.001] },
  'positive number': { takes: [0.001, 64], refuses: [0, -1] },
  'number from zero on': { takes: [0, 2.5], refuses: [-0.001] },
} as const;

const keys: Record<keyof typeof bounds, readonly string[]> = {
  'share of units or parameters': ['ratio'],
  share: ['lhspg.token_share', 'recovery.eta', 'recovery.distill'],
  'share below one': ['knowledge.protect', 'lhspg.warmup_share', 'lhspg.rest_share', 'cut.floor'],
  count: [
    'batch_size',
    'tokens',
    'steps',
    'threads',
    'knowledge.sequences',
    'lora.r',
    'lhspg.sequences',
    'lhspg.periods',
    'lhspg.rounds',
    'cut.round_channels_to',
    'export.max_shard_bytes',
    'recovery.rounds',
    'recovery.validation_windows',
    'instruct_tuning.tokens',
    'instruct_tuning.rounds',
    'instruct_tuning.batch_size',
    'evaluation.limit',
    'evaluation.windows',
  ],
  'natural number': ['seed', 'cut.kv_heads'],
  'learning rate': [
    'lhspg.learning_rate',
    'recovery.learning_rate',
    'instruct_tuning.learning_rate',
  ],
  'positive number': ['lhspg.clip', 'lora.alpha'],
  'number from zero on': ['recovery.tolerance'],
};

for (const [kind, names] of Object.entries(keys) as [keyof typeof bounds, string[]][]) {
  const { takes, refuses } = bounds[kind];
  t.test(`when a ${kind} is at its bounds, then it is taken; beyond, it is refused`, async (t) => {
    for (const key of names) {
      for (const value of takes) {
        t.same(objections(key, value), [], `${key}=${value}`);
      }
      for (const value of refuses) t.same(objections(key, value), [key], `${key}=${value}`);
      for (const value of ['1', NaN, Infinity, null, [1], true]) {
        if (value === null && key === 'evaluation.limit') continue;
        t.same(objections(key, value), [key], `${key}=${String(value)}`);
      }
    }
  });
}

t.test('when a perplexity is asked for, then its protocol is a known one', async (t) => {
  const takes = (spec: object) => objections('evaluation.perplexity', [spec]);
  t.same(takes({ protocol: 'gptq' }), []);
  t.same(takes({ protocol: 'llm-pruner', text: 'ptb', path: 'p', window: 64 }), []);
  t.same(takes({ protocol: 'gptk' }), ['evaluation.perplexity.0.protocol']);
  t.same(takes({ protocol: 'gptq', window: 0 }), ['evaluation.perplexity.0.window']);
});

t.test('when a window has one token, then there is nothing to predict', async (t) => {
  t.same(objections('sequence_length', 2), []);
  t.same(objections('sequence_length', 1), ['sequence_length']);
  t.same(objections('sequence_length', 2.5), ['sequence_length']);
});

t.test(
  'when a list of ratios is given, then each is a share of units, and there is one',
  async (t) => {
    t.same(objections('knowledge.ratios', [0.1, 0.9]), []);
    t.same(objections('knowledge.ratios', []), ['knowledge.ratios']);
    t.same(objections('knowledge.ratios', [0.5, 1, 0]), [
      'knowledge.ratios.1',
      'knowledge.ratios.2',
    ]);
  },
);

t.test('when a device is named, then it is a CPU or a GPU by its number', async (t) => {
  for (const device of ['cpu', 'cuda', 'cuda:0', 'cuda:17'])
    t.same(objections('device', device), []);
  for (const device of ['gpu', 'cuda:', 'cuda:x', 'CPU', 'cpu:0', '', 'cuda:1 ']) {
    t.same(objections('device', device), ['device'], device);
  }
});

t.test('when a source is named, then with what tables and paths can hold', async (t) => {
  const names = (...list: string[]) =>
    jobSchema.safeParse({ ...least, sources: list.map((name) => ({ name, path: 'p' })) }).success;
  t.ok(names('web', 'C4', 'a-b_c.d', '7'));
  for (const name of ['', '.', '-a', 'a b', 'a/b', 'ä', 'a\n']) t.notOk(names(name), name);
});

t.test('when ε is given for a form that does not test it, then the job is refused', async (t) => {
  for (const form of ['transfer', 'one-shot', 'one-shot-transfer']) {
    t.same(objections('lhspg', { form, epsilon: 0.5 }), ['lhspg.epsilon'], form);
    t.same(objections('lhspg', { form, epsilon: 0 }), [], form);
  }
  t.same(objections('lhspg', { form: 'paper', epsilon: 0.5 }), []);
  t.same(objections('lhspg', { form: 'paper', epsilon: 1 }), ['lhspg.epsilon']);
  t.same(objections('lhspg.epsilon', 0.5), ['lhspg.epsilon'], 'the default form is none of it');
});

t.test('when a key is not known, then it is refused in every block', async (t) => {
  for (const block of ['', 'knowledge.', 'lora.', 'lhspg.', 'cut.', 'recovery.', 'evaluation.']) {
    t.equal(objections(`${block}unknown`, 1).length, 1, block);
  }
});

t.test('when a file uses shorthands, then the published schema takes them', async (t) => {
  const shapes = [
    { sources: { web: 'w' } },
    { sources: [{ name: 'web', path: 'w', text_column: 'content', clean: true }] },
    { sources: { web: 'w' }, instruct: 'i.json' },
    { sources: { web: 'w' }, instruct: null },
    { sources: { web: 'w' }, instruct: { path: 'i', train_on_inputs: true } },
  ];
  for (const shape of shapes) t.ok(jobFileSchema.safeParse({ model: 'm', ...shape }).success);
  for (const sources of [{ 'a b': 'w' }, { web: '' }, { web: 3 }, 'web', []]) {
    t.notOk(jobFileSchema.safeParse({ model: 'm', sources }).success, JSON.stringify(sources));
  }
});

t.test('when a number is large, then what holds it decides', async (t) => {
  t.same(objections('seed', 2 ** 32 - 1), []);
  t.same(objections('seed', 2 ** 32), ['seed'], 'a seed is a word of the generator');
  t.same(objections('cut.kv_heads', 'auto'), []);
  t.same(objections('cut.kv_heads', 'none'), ['cut.kv_heads']);
  t.same(objections('knowledge.ratios', [0.5]), []);
});
