// The shape of a padded model by hand: which sizes it takes, and which of its units are zeros.
import t from 'tap';
import { paddingOf } from '../../lib/compress/pad.js';
import type { RawConfig } from '../../lib/models/model.js';
import { configOf } from '../fixtures/family_units.js';
import { randomConfig } from '../fixtures/random_llama.js';

const removedOf = (config: RawConfig, accepts?: (heads: number) => boolean): object =>
  Object.fromEntries(paddingOf(config, accepts).removed);

t.test(
  'when layers keep other heads, queries and channels, then the last of each are zeros',
  (t) => {
    const config = {
      ...randomConfig({ heads: 12, kvHeads: 4, headDim: 4, width: 48, channels: 12, layers: 3 }),
      per_layer_config: {
        0: { num_attention_heads: 6, num_key_value_heads: 3, intermediate_size: 10 }, // two queries of each
        1: { num_attention_heads: 3, num_key_value_heads: 1 }, // three queries of one
        2: { skip: ['mlp'], num_attention_heads: 6, num_key_value_heads: 2 },
      },
    };
    const { config: alike } = paddingOf(config);
    t.match(alike, { num_attention_heads: 9, num_key_value_heads: 3, intermediate_size: 12 });
    t.notOk('per_layer_config' in alike);
    t.same(removedOf(config), {
      'layers.0.self_attn.queries_per_head': [2, 5, 8],
      'layers.0.mlp.channels': [10, 11],
      'layers.1.self_attn.heads': [1, 2],
      'layers.2.self_attn.heads': [2],
      'layers.2.mlp': [0],
    });
    t.end();
  },
);

t.test('when a head count does not load, then the fewest that do are taken', (t) => {
  const config = {
    ...randomConfig({ heads: 8, kvHeads: 4, headDim: 4, width: 32 }),
    per_layer_config: {
      0: { num_attention_heads: 6, num_key_value_heads: 3 },
      1: { skip: ['attention'] },
    },
  };
  t.match(paddingOf(config).config, { num_attention_heads: 6, num_key_value_heads: 3 });
  const divides = (heads: number): boolean => 32 % heads === 0;
  t.match(paddingOf(config, divides).config, { num_attention_heads: 8, num_key_value_heads: 4 });
  const biased = paddingOf({ ...config, attention_bias: true });
  t.match(biased.config, { num_attention_heads: 8 }, 'with biases it cannot be a mistral');
  t.throws(() => paddingOf(config, () => false), { code: 'EXPORT_FORM', message: /6 query heads/ });
  t.end();
});

t.test('when all layers are alike, then there is nothing to fill', (t) => {
  for (const name of ['llama', 'gpt2', 'qwen3_moe-unnormalised'])
    t.same(removedOf(configOf(name)), {}, name);
  t.end();
});
