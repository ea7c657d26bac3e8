import t from 'tap';
import { qwen2 } from '../../lib/models/qwen2.js';
import { resizeConfig } from '../../lib/models/sizes.js';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';

t.test('when config.json has the form of transformers 4, then Qwen2 is the same', (t) => {
  const old = familyConfig('qwen2', {
    rope_parameters: undefined,
    dtype: undefined,
    torch_dtype: 'float32',
    layer_types: undefined,
    rope_theta: 1e6,
    rope_scaling: null,
    sliding_window: 32,
    use_sliding_window: false,
    max_window_layers: 1,
  });
  t.ok(gapWith('qwen2', old) <= 1e-5);
  t.end();
});

t.test(
  'when the last layers slide, then they do without a list of them, and only where that is said',
  (t) => {
    const config = familyConfig('qwen2-sliding');
    t.strictSame(config['layer_types'], ['full_attention', 'sliding_attention']);
    const without = { layer_types: undefined };
    t.ok(gapWith('qwen2-sliding', familyConfig('qwen2-sliding', without)) <= 1e-5);
    for (const change of [
      { use_sliding_window: false },
      { max_window_layers: 0 },
      { max_window_layers: undefined },
      { sliding_window: 3 },
    ]) {
      const other = familyConfig('qwen2-sliding', { ...without, ...change });
      t.ok(gapWith('qwen2-sliding', other) > 1e-3, JSON.stringify(change));
    }
    t.end();
  },
);

t.test('when a layer goes, then those that stay keep their kind', (t) => {
  const stays = [{ from: 1, sizes: {}, skip: [] }];
  for (const layer_types of [undefined, ['full_attention', 'sliding_attention']]) {
    const config = familyConfig('qwen2-sliding', { layer_types });
    t.strictSame(resizeConfig(config, qwen2.sizes, { layers: stays, headDim: 8 })['layer_types'], [
      'sliding_attention',
    ]);
  }
  t.end();
});

t.test(
  'when Qwen2 is partitioned, then heads and channels go whole, and the rest says why not',
  (t) => {
    const found = familyPartition(familyConfig('qwen2'));
    const [cut, kept] = summary(found);
    t.strictSame(cut, ['layers.*.self_attn.heads 2', 'layers.*.mlp.channels 48']);
    t.match(kept, {
      vocabulary: /^touches the output/,
      residual: /^the width of all layers/,
      'layers.*.self_attn.queries_per_head': /^query heads share/,
      'layers.*.self_attn.query_key_width': /^RoPE pairs/,
      'layers.*.self_attn.value_width': /^width of a head/,
    });
    t.strictSame(unitOf(found, 'layers.1.self_attn.heads', 1), {
      'self_attn.q_proj.weight.0': '16-31',
      'self_attn.q_proj.bias.0': '16-31',
      'self_attn.k_proj.weight.0': '8-15',
      'self_attn.k_proj.bias.0': '8-15',
      'self_attn.v_proj.weight.0': '8-15',
      'self_attn.v_proj.bias.0': '8-15',
      'self_attn.o_proj.weight.1': '16-31',
    });
    t.strictSame(unitOf(found, 'layers.1.mlp.channels', 7), {
      'mlp.gate_proj.weight.0': '7',
      'mlp.up_proj.weight.0': '7',
      'mlp.down_proj.weight.1': '7',
    });
    t.end();
  },
);

t.test('when units of Qwen2 are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('qwen2'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});
