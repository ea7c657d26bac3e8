import t from 'tap';
import {
  configWithout,
  cutsTwice,
  gapUnder,
  groupsOf,
  run,
  unitOf,
} from '../fixtures/family_units.js';

t.test('when StableLM is partitioned, then heads and channels of each layer may go', (t) => {
  const groups = groupsOf('stablelm');
  const heads = groups['layers.1.self_attn.heads']!;
  t.match(heads, { kind: 'attention_heads', units: 2, prunable: true });
  const rows = run(16, 16);
  t.strictSame(unitOf(heads, 1, 'model.layers.1.self_attn.'), {
    'q_proj.weight 0': rows,
    'k_proj.weight 0': rows,
    'v_proj.weight 0': rows,
    'o_proj.weight 1': rows,
  });
  t.strictSame(unitOf(groups['layers.1.mlp.channels'], 2, 'model.layers.1.mlp.'), {
    'gate_proj.weight 0': [2],
    'up_proj.weight 0': [2],
    'down_proj.weight 1': [2],
  });
  t.end();
});

t.test('when every head has a norm of its own, then heads stay and channels may go', (t) => {
  const groups = groupsOf('stablelm-parallel');
  const heads = groups['layers.0.self_attn.heads']!;
  t.match(heads, { units: 2, prunable: false, reason: /single positions/ });
  t.match(groups['layers.0.mlp.channels'], { units: 48, prunable: true });
  t.end();
});

t.test('when zero units are cut, then the logits stay, and again from what is left', (t) => {
  const config = cutsTwice(t, 'stablelm');
  const own = { num_attention_heads: 1, num_key_value_heads: 1, intermediate_size: 45 };
  t.match(config, { head_dim: 16, per_layer_config: { 0: own } });
  cutsTwice(t, 'stablelm-parallel');
  t.end();
});

t.test('when config.json is of the form on the hub, then it means the same', (t) => {
  const hub = configWithout('stablelm', 'rope_parameters');
  t.ok(gapUnder('stablelm', { ...hub, partial_rotary_factor: 0.25, rope_theta: 10_000 }) < 1e-5);
  t.ok(gapUnder('stablelm', hub) < 1e-5, 'a quarter turns by default');
  t.ok(gapUnder('stablelm', { ...hub, partial_rotary_factor: 0.5 }) > 1e-3);
  t.end();
});
