import t from 'tap';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';

t.test('when config.json has the form of transformers 4, then Qwen3 is the same', (t) => {
  const old = familyConfig('qwen3', {
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
  t.ok(gapWith('qwen3', old) <= 1e-5);
  t.end();
});

t.test(
  'when Qwen3 is partitioned, then heads and channels go whole, and the rest says why not',
  (t) => {
    const found = familyPartition(familyConfig('qwen3'));
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
      'self_attn.q_proj.weight.0': '24-47',
      'self_attn.k_proj.weight.0': '12-23',
      'self_attn.v_proj.weight.0': '12-23',
      'self_attn.o_proj.weight.1': '24-47',
    });
    t.strictSame(unitOf(found, 'layers.1.mlp.channels', 7), {
      'mlp.gate_proj.weight.0': '7',
      'mlp.up_proj.weight.0': '7',
      'mlp.down_proj.weight.1': '7',
    });
    t.end();
  },
);

t.test('when units of Qwen3 are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('qwen3'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, {
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 43,
    head_dim: 12,
  });
  t.end();
});
