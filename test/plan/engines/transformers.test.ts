import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Candidate, type Verdict } from '../../../lib/plan/engines/engine.js';
import { transformers } from '../../../lib/plan/engines/transformers.js';
import { candidate } from './candidates.js';

interface Tried {
  readonly loads: boolean;
}

const path = new URL('../../../../test/fixtures/engines.json', import.meta.url);
const { families } = JSON.parse(readFileSync(path, 'utf8')) as {
  families: Record<string, Record<string, Tried>>;
};

/** The models that scripts/fixtures/engines.py made, by case. */
const sizes: Readonly<Record<string, Partial<Candidate>>> = {
  dense: {},
  even: { heads: 4, kvHeads: 4 },
  uneven: { heads: 3, kvHeads: 3 },
  narrow: { channels: 24 },
  layered: { perLayer: ['intermediate_size'] },
  unshared: { kvHeads: 2 },
};

t.test('when transformers has built a family or refused it, then the verdict is the same', (t) => {
  for (const [modelType, cases] of Object.entries(families)) {
    for (const [name, { loads }] of Object.entries(cases)) {
      const tried: Candidate = {
        ...candidate({ model_type: modelType }),
        ...{ width: 40, heads: 5, kvHeads: 5, headDim: 8, channels: 48, ...sizes[name] },
      };
      t.equal(transformers(tried).loads, loads, `${modelType} ${name}`);
    }
  }
  t.end();
});

const against = ({ rules }: Verdict) => rules.filter(({ ok }) => !ok).map(({ rule }) => rule);

t.test(
  'when a LLaMA has heads that do not divide its width, then one rule speaks against it',
  (t) => {
    const cut = { num_attention_heads: 26, num_key_value_heads: 26, head_dim: 128 };
    t.match(against(transformers(candidate(cut))), [/hidden size is a multiple/]);
    t.same(against(transformers(candidate({ ...cut, model_type: 'mistral' }))), []);
    const half = { num_attention_heads: 16, num_key_value_heads: 16, head_dim: 128 };
    const { loads, rules } = transformers(candidate(half));
    t.ok(loads);
    t.match(
      rules.find(({ rule }) => rule.startsWith('head_dim')),
      { since: '4.45' },
    );
    t.end();
  },
);

t.test('when layers differ or nobody tried the family, then it does not load', (t) => {
  const layered = { per_layer_config: { 3: { intermediate_size: 100 } } };
  t.match(
    transformers(candidate(layered)).rules.find(({ ok }) => !ok),
    {
      detail: /intermediate_size differ; per_layer_config is recorded from 5.15/,
    },
  );
  t.match(against(transformers(candidate({ model_type: 'bloom' }))), [
    'the family has been tested',
  ]);
  t.end();
});
