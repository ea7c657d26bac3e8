import t from 'tap';
import {
  configWithout,
  cutsTwice,
  gapUnder,
  groupsOf,
  run,
  unitOf,
} from '../fixtures/family_units.js';

t.test('when StarCoder2 is partitioned, then kv heads, their queries and channels may go', (t) => {
  const groups = groupsOf('starcoder2');
  const heads = groups['layers.0.self_attn.heads']!;
  t.match(heads, { kind: 'attention_heads', units: 2, prunable: true });
  t.strictSame(unitOf(heads, 1, 'model.layers.0.self_attn.'), {
    'q_proj.weight 0': run(16, 16),
    'q_proj.bias 0': run(16, 16),
    'k_proj.weight 0': run(8, 8),
    'k_proj.bias 0': run(8, 8),
    'v_proj.weight 0': run(8, 8),
    'v_proj.bias 0': run(8, 8),
    'o_proj.weight 1': run(16, 16),
  });
  t.strictSame(unitOf(groups['layers.0.mlp.channels'], 4, 'model.layers.0.mlp.'), {
    'c_fc.weight 0': [4],
    'c_fc.bias 0': [4],
    'c_proj.weight 1': [4],
  });
  t.match(groups['layers.0.self_attn.queries_per_head'], { units: 4, blocks: 2, prunable: true });
  t.end();
});

t.test('when zero units are cut, then the logits stay, and again from what is left', (t) => {
  const config = cutsTwice(t, 'starcoder2', ['attention_heads', 'mlp_channels']);
  const own = { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 45 };
  t.match(config, { head_dim: 8, per_layer_config: { 0: own } });
  cutsTwice(t, 'starcoder2', ['query_heads']);
  t.end();
});

t.test('when keys are absent or of the form on the hub, then they mean the same', (t) => {
  const absent = ['rope_parameters', 'num_key_value_heads', 'norm_epsilon', 'use_bias'];
  const hub = configWithout('starcoder2', ...absent);
  t.ok(gapUnder('starcoder2', { ...hub, rope_theta: 100_000 }) < 1e-5);
  t.ok(gapUnder('starcoder2', { ...hub, rope_theta: 100_000, sliding_window: 4 }) > 1e-3);
  t.end();
});
