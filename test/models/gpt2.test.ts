import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { saveSafetensors } from '../../lib/checkpoint/save.js';
import { architectureOf } from '../../lib/models/index.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { zeros } from '../../lib/tensor/ops.js';
import { familyFolder } from '../fixtures/families.js';
import { configOf, cutsTwice, gapUnder, groupsOf, run, unitOf } from '../fixtures/family_units.js';

t.test(
  'when GPT-2 is partitioned, then a head is its columns of c_attn and its row of c_proj',
  (t) => {
    const groups = groupsOf('gpt2');
    const heads = groups['h.1.attn.heads']!;
    t.match(heads, { kind: 'attention_heads', units: 3, layer: 1, prunable: true });
    const qkv = [...run(8, 8), ...run(32, 8), ...run(56, 8)];
    t.strictSame(unitOf(heads, 1, 'transformer.h.1.attn.'), {
      'c_attn.weight 1': qkv,
      'c_attn.bias 0': qkv,
      'c_proj.weight 0': run(8, 8),
    });
    const channels = groups['h.1.mlp.channels']!;
    t.match(channels, { kind: 'mlp_channels', units: 96, prunable: true });
    t.strictSame(unitOf(channels, 5, 'transformer.h.1.mlp.'), {
      'c_fc.weight 1': [5],
      'c_fc.bias 0': [5],
      'c_proj.weight 0': [5],
    });
    const roles = heads.slices.map(({ role }) => role);
    t.strictSame(
      roles,
      ['producer', 'producer', 'consumer'],
      'Conv1D has them the other way round',
    );
    t.match(groups['width']?.reason, /looked up by position/);
    t.end();
  },
);

t.test(
  'when zero heads and channels are cut, then the logits stay, and again from what is left',
  (t) => {
    const config = cutsTwice(t, 'gpt2');
    t.match(config, {
      n_inner: null,
      head_dim: 8,
      per_layer_config: { 0: { n_head: 2, n_inner: 93 } },
    });
    t.end();
  },
);

t.test('when keys of config.json are absent, then transformers’ defaults hold', (t) => {
  const { n_embd, n_layer, n_head, vocab_size, n_positions } = configOf('gpt2');
  const bare = { model_type: 'gpt2', n_embd, n_layer, n_head, vocab_size, n_positions };
  t.ok(gapUnder('gpt2', bare) < 1e-5);
  t.end();
});

t.test('when an option is computed, then it changes the logits, else it is refused', (t) => {
  const config = configOf('gpt2');
  for (const [key, value] of [
    ['scale_attn_by_inverse_layer_idx', true],
    ['scale_attn_weights', false],
    ['activation_function', 'relu'],
    ['layer_norm_epsilon', 0.1],
  ] as const) {
    t.ok(gapUnder('gpt2', { ...config, [key]: value }) > 1e-3, key);
  }
  const crossed = { ...config, add_cross_attention: true };
  t.throws(() => architectureOf(crossed).build(crossed, metaWeights()), {
    code: 'CHECKPOINT_UNSUPPORTED',
    message: /cross-attention/,
  });
  t.end();
});

t.test(
  'when a file is of the form on the hub, without a first level and with masks, then it loads',
  (t) => {
    const dir = t.testdir({});
    copyFileSync(join(familyFolder('gpt2'), 'config.json'), join(dir, 'config.json'));
    using model = loadModel(familyFolder('gpt2'));
    using mask = zeros([1, 1, 64, 64]);
    const tensors = [...model.parameters()].map(
      ([name, x]) => [name.replace('transformer.', ''), x] as const,
    );
    saveSafetensors(join(dir, 'model.safetensors'), [...tensors, ['h.0.attn.bias', mask]]);
    using hub = loadModel(dir);
    const values = (m: typeof model): unknown[] => [...m.parameters()].map(([, x]) => x.toArray());
    t.same(values(hub), values(model));
    t.end();
  },
);
