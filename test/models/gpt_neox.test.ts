import t from 'tap';
import {
  configWithout,
  cutsTwice,
  gapUnder,
  groupsOf,
  run,
  unitOf,
} from '../fixtures/family_units.js';

t.test(
  'when GPT-NeoX is partitioned, then a head is one block [q; k; v] of the projection',
  (t) => {
    for (const name of ['gpt_neox', 'gpt_neox-sequential']) {
      const groups = groupsOf(name);
      const heads = groups['layers.0.attention.heads']!;
      t.match(heads, { kind: 'attention_heads', units: 2, prunable: true });
      t.strictSame(unitOf(heads, 1, 'gpt_neox.layers.0.attention.'), {
        'query_key_value.weight 0': run(48, 48),
        'query_key_value.bias 0': run(48, 48),
        'dense.weight 1': run(16, 16),
      });
      const channels = groups['layers.0.mlp.channels']!;
      t.strictSame(unitOf(channels, 7, 'gpt_neox.layers.0.mlp.'), {
        'dense_h_to_4h.weight 0': [7],
        'dense_h_to_4h.bias 0': [7],
        'dense_4h_to_h.weight 1': [7],
      });
    }
    t.end();
  },
);

for (const name of ['gpt_neox', 'gpt_neox-sequential']) {
  t.test(`when zero heads and channels of ${name} are cut, then the logits stay`, (t) => {
    const config = cutsTwice(t, name);
    const own = { num_attention_heads: 1, intermediate_size: 45 };
    t.match(config, { head_dim: 16, per_layer_config: { 0: own } });
    t.end();
  });
}

t.test('when config.json is of the form on the hub, then it means the same', (t) => {
  const hub = configWithout('gpt_neox-sequential', 'rope_parameters');
  const gap = (more: object): number => gapUnder('gpt_neox-sequential', { ...hub, ...more });
  t.ok(gap({ rotary_pct: 0.5, rotary_emb_base: 10_000 }) < 1e-5);
  t.ok(gap({ rotary_pct: 0.5 }) < 1e-5, 'the default base');
  t.ok(gap({ rotary_pct: 0.5, rotary_emb_base: 500 }) > 1e-3);
  const quarter = configWithout('gpt_neox', 'rope_parameters');
  t.ok(gapUnder('gpt_neox', quarter) < 1e-5, 'a quarter turns by default');
  t.end();
});
