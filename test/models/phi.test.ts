import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import {
  configOf,
  configWithout,
  cutsTwice,
  gapUnder,
  groupsOf,
  run,
  unitOf,
} from '../fixtures/family_units.js';

t.test('when Phi is partitioned, then heads and channels of each layer may go', (t) => {
  const groups = groupsOf('phi');
  const heads = groups['layers.0.self_attn.heads']!;
  t.match(heads, { kind: 'attention_heads', units: 4, prunable: true });
  const rows = run(24, 8);
  t.strictSame(unitOf(heads, 3, 'model.layers.0.self_attn.'), {
    'q_proj.weight 0': rows,
    'q_proj.bias 0': rows,
    'k_proj.weight 0': rows,
    'k_proj.bias 0': rows,
    'v_proj.weight 0': rows,
    'v_proj.bias 0': rows,
    'dense.weight 1': rows,
  });
  t.strictSame(unitOf(groups['layers.0.mlp.channels'], 1, 'model.layers.0.mlp.'), {
    'fc1.weight 0': [1],
    'fc1.bias 0': [1],
    'fc2.weight 1': [1],
  });
  t.end();
});

t.test(
  'when zero heads and channels are cut, then the logits stay, and again from what is left',
  (t) => {
    const config = cutsTwice(t, 'phi');
    const own = { num_attention_heads: 3, num_key_value_heads: 3, intermediate_size: 45 };
    t.match(config, { head_dim: 8, per_layer_config: { 0: own } });
    t.end();
  },
);

t.test('when config.json is of the form on the hub, then it means the same', (t) => {
  const hub = configWithout('phi', 'rope_parameters', 'num_key_value_heads');
  t.ok(gapUnder('phi', { ...hub, partial_rotary_factor: 0.5, rope_theta: 10_000 }) < 1e-5);
  t.ok(gapUnder('phi', hub) < 1e-5, 'half of a head turns by default');
  t.ok(gapUnder('phi', { ...hub, partial_rotary_factor: 0.25 }) > 1e-3);
  t.end();
});

t.test('when queries and keys are normalised, then their norms are read', (t) => {
  const config = { ...configOf('phi'), qk_layernorm: true };
  const model = architectureOf(config).build(config, metaWeights());
  const found = [...model.parameters()].filter(([name]) => /layers\.0.*[qk]_layernorm/.test(name));
  t.equal(found.length, 4);
  t.ok(found.every(([, { shape }]) => shape.join() === '8'));
  model.dispose();
  t.end();
});

t.test('when the head is the embedding, then the checkpoint is refused', (t) => {
  const config = { ...configOf('phi'), tie_word_embeddings: true };
  t.throws(() => architectureOf(config).build(config, metaWeights()), {
    code: 'CHECKPOINT_UNSUPPORTED',
  });
  t.end();
});
