import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import { metaWeights } from '../../lib/nn/weight_source.js';
import { configOf, cutsTwice, gapUnder, groupsOf, run, unitOf } from '../fixtures/family_units.js';

for (const name of ['opt', 'opt-post-norm']) {
  t.test(`when ${name} is partitioned, then heads and channels of each layer may go`, (t) => {
    const groups = groupsOf(name);
    const heads = groups['layers.1.self_attn.heads']!;
    t.match(heads, { kind: 'attention_heads', units: 4, prunable: true });
    const rows = run(16, 8);
    t.strictSame(unitOf(heads, 2, 'model.decoder.layers.1.self_attn.'), {
      'q_proj.weight 0': rows,
      'q_proj.bias 0': rows,
      'k_proj.weight 0': rows,
      'k_proj.bias 0': rows,
      'v_proj.weight 0': rows,
      'v_proj.bias 0': rows,
      'out_proj.weight 1': rows,
    });
    const channels = groups['layers.1.channels']!;
    t.match(channels, { kind: 'mlp_channels', units: 48, prunable: true });
    t.strictSame(unitOf(channels, 9, 'model.decoder.layers.1.'), {
      'fc1.weight 0': [9],
      'fc1.bias 0': [9],
      'fc2.weight 1': [9],
    });
    t.end();
  });

  t.test(`when zero heads and channels of ${name} are cut, then the logits stay`, (t) => {
    const config = cutsTwice(t, name);
    t.match(config, {
      head_dim: 8,
      per_layer_config: { 0: { num_attention_heads: 3, ffn_dim: 45 } },
    });
    t.end();
  });
}

t.test('when embeddings are narrower than the layers, then their width is no residual', (t) => {
  const groups = Object.values(groupsOf('opt-post-norm'));
  const residual = groups.filter(({ kind }) => kind === 'residual');
  t.strictSame(
    residual.map(({ units }) => units),
    [32],
  );
  const outer = groups.find(({ units, slices }) => units === 16 && slices.length === 3)!;
  t.match(outer, { kind: 'other', prunable: false, reason: String });
  t.end();
});

t.test('when half of a post-norm layer is skipped, then the norm of its sum stays', (t) => {
  const skipping = { ...configOf('opt-post-norm'), per_layer_config: { 1: { skip: ['mlp'] } } };
  const names: string[] = [];
  const weights = metaWeights();
  const source = (name: string, shape: readonly number[]) => {
    names.push(name);
    return weights(name, shape);
  };
  architectureOf(skipping).build(skipping, source).dispose();
  t.ok(names.includes('model.decoder.layers.1.final_layer_norm.weight'));
  t.notOk(names.includes('model.decoder.layers.1.fc1.weight'));
  t.end();
});

t.test('when keys are absent, then transformers’ defaults hold', (t) => {
  const { hidden_size, num_hidden_layers, num_attention_heads, ffn_dim, vocab_size } =
    configOf('opt');
  const sizes = { hidden_size, num_hidden_layers, num_attention_heads, ffn_dim, vocab_size };
  const bare = { model_type: 'opt', ...sizes, max_position_embeddings: 64 };
  t.ok(gapUnder('opt', bare) < 1e-5);
  t.ok(
    gapUnder('opt', { ...bare, _remove_final_layer_norm: true }) > 1e-3,
    'without its last norm',
  );
  t.end();
});

t.test('when norms have no weights, then the checkpoint is refused', (t) => {
  const config = { ...configOf('opt'), layer_norm_elementwise_affine: false };
  t.throws(() => architectureOf(config).build(config, metaWeights()), {
    code: 'CHECKPOINT_UNSUPPORTED',
    message: /norms without weights/,
  });
  t.end();
});
