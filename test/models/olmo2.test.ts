import t from 'tap';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';

t.test('when config.json has the form of transformers 4, then OLMo 2 is the same', (t) => {
  const old = familyConfig('olmo2', {
    rope_parameters: undefined,
    dtype: undefined,
    torch_dtype: 'float32',
    rope_theta: 500_000,
    rope_scaling: null,
    rms_norm_eps: undefined,
  });
  t.ok(gapWith('olmo2', old) <= 1e-5);
  t.end();
});

t.test(
  'when OLMo 2 is partitioned, then a head takes its part of the norms over all heads',
  (t) => {
    const found = familyPartition(familyConfig('olmo2'));
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
      'self_attn.k_proj.weight.0': '8-15',
      'self_attn.v_proj.weight.0': '8-15',
      'self_attn.o_proj.weight.1': '16-31',
      'self_attn.q_norm.weight.0': '16-31',
      'self_attn.k_norm.weight.0': '8-15',
    });
    t.strictSame(unitOf(found, 'layers.1.mlp.channels', 7), {
      'mlp.gate_proj.weight.0': '7',
      'mlp.up_proj.weight.0': '7',
      'mlp.down_proj.weight.1': '7',
    });
    t.end();
  },
);

t.test('when units of OLMo 2 are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('olmo2'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});
