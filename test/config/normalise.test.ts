import t from 'tap';
import {
  aliasOf,
  aliases,
  hasKey,
  isRaw,
  normalise,
  setKey,
  spelling,
} from '../../lib/config/normalise.js';
import { jobSchema } from '../../lib/config/schema.js';

const base = '/home/ada';

t.test('when keys have hyphens, then they become underscores at every depth', async (t) => {
  t.equal(spelling('model-name-or-path'), 'model_name_or_path');
  t.same(normalise({ 'batch-size': 1, lhspg: { 'token-share': [{ 'a-b': 'c-d' }] } }, base), {
    batch_size: 1,
    lhspg: { token_share: [{ a_b: 'c-d' }] },
  });
});

t.test('when a source has a hyphen in its name, then the name stays', async (t) => {
  const { sources } = normalise({ sources: { 'my-web': 'w', a_b: '/x' } }, base);
  t.same(sources, [
    { name: 'my-web', path: '/home/ada/w' },
    { name: 'a_b', path: '/x' },
  ]);
});

t.test('when other tools’ names are used, then the key of ours is set, also inside', async (t) => {
  t.same(normalise({ 'base-model': 'm', lora_r: 4, data_path: 'i', max_steps: 3 }, base), {
    model: '/home/ada/m',
    lora: { r: 4 },
    instruct: { path: '/home/ada/i' },
    steps: 3,
  });
  const twice = normalise({ base_model: 'x', model: 'm' }, base);
  t.same(twice, { base_model: 'x', model: '/home/ada/m' }, 'what is said twice stays, to be told');
});

t.test('when an alias is in the list, then it leads to a key that a job has', async (t) => {
  for (const [alias, name] of Object.entries(aliases)) {
    const inner = { path: 'p', r: 1, alpha: 1, dropout: 0 };
    const [block = '', key] = name.split('.');
    if (key === undefined) t.ok(block in jobSchema.shape, `${alias} → ${name}`);
    else t.ok(block in jobSchema.shape && key in inner, `${alias} → ${name}`);
  }
});

t.test('when instructions are a bare path, then they become a block', async (t) => {
  t.same(normalise({ instruct: 'i.json' }, base), { instruct: { path: '/home/ada/i.json' } });
  t.same(normalise({ instruct: null }, base), { instruct: null });
});

t.test('when checkpointing is on or off, then it is of blocks or none', async (t) => {
  t.same(normalise({ checkpointing: true }, base), { checkpointing: 'blocks' });
  t.same(normalise({ checkpointing: false }, base), { checkpointing: 'none' });
});

t.test('when perplexities are words, then they become blocks, their paths absolute', async (t) => {
  const perplexity = [
    'gptq',
    'llm-pruner@64:ptb=p.txt',
    { protocol: 'gptq', path: 'q' },
    'a:b:',
    3,
  ];
  t.same(normalise({ evaluation: { perplexity } }, base)['evaluation'], {
    perplexity: [
      { protocol: 'gptq', text: 'wikitext2' },
      { protocol: 'llm-pruner', window: 64, text: 'ptb', path: '/home/ada/p.txt' },
      { protocol: 'gptq', path: '/home/ada/q' },
      ...[{ protocol: 'a', text: 'b:' }, 3],
    ],
  });
});

t.test('when a path is relative, then it starts at the base; an absolute one stays', async (t) => {
  const raw = {
    model: '../m',
    output: 'out',
    sources: [{ name: 'a', path: 'a' }],
    instruct: { path: 'i', validation: 'v' },
    evaluation: { data_dir: 'hub' },
    device: 'cpu',
  };
  t.same(normalise(raw, base), {
    model: '/home/m',
    output: '/home/ada/out',
    sources: [{ name: 'a', path: '/home/ada/a' }],
    instruct: { path: '/home/ada/i', validation: '/home/ada/v' },
    evaluation: { data_dir: '/home/ada/hub' },
    device: 'cpu',
  });
});

t.test('when a value has the wrong type, then it stays for the schema to judge', async (t) => {
  for (const raw of [
    { model: 3, output: null, sources: 'web', instruct: [1], evaluation: 'x' },
    { model: '', sources: [3, null, { path: 4 }], instruct: { path: [] } },
    { sources: null },
  ]) {
    t.same(normalise(raw, base), raw);
  }
});

t.test('when a job is normalised, then what was given is not changed', async (t) => {
  const raw = { 'base-model': 'm', sources: { a: 'x' }, lhspg: { 'token-share': 0.1 } };
  const before = structuredClone(raw);
  normalise(raw, base);
  t.same(raw, before);
});

t.test('when a dotted key is set, then what is in its way becomes an object', async (t) => {
  const raw = { lhspg: { periods: 5 }, cut: 3 };
  setKey(raw, 'lhspg.form', 'paper');
  setKey(raw, 'cut.kv_heads', 1);
  setKey(raw, 'a.b.c', null);
  t.same(raw, {
    lhspg: { periods: 5, form: 'paper' },
    cut: { kv_heads: 1 },
    a: { b: { c: null } },
  });
  t.ok(hasKey(raw, 'a.b.c') && hasKey(raw, 'cut'));
  t.notOk(hasKey(raw, 'a.b.c.d') || hasKey(raw, 'lhspg.x') || hasKey(raw, 'x'));
});

t.test('when a key is called as what every object has, then it is a key and no more', async (t) => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const raw = {};
    setKey(raw, `${key}.polluted`, 1);
    t.equal(({} as Record<string, unknown>)['polluted'], undefined, 'other objects are untouched');
    t.same(Object.keys(raw), [key]);
    t.ok(hasKey(raw, `${key}.polluted`));
    t.notOk(hasKey({}, key));
    t.equal(aliasOf(key), undefined);
  }
});

t.test('when a value is no map of keys, then it is told apart', async (t) => {
  t.ok(isRaw({}) && isRaw(Object.create(null)));
  for (const other of [null, undefined, 3, 'x', [], [{}]]) t.notOk(isRaw(other));
});
