import t from 'tap';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';

t.test('when config.json has the form of transformers 4, then Gemma 3 is the same', (t) => {
  const old = familyConfig('gemma3_text', {
    rope_parameters: undefined,
    dtype: undefined,
    torch_dtype: 'float32',
    layer_types: undefined,
    sliding_window_pattern: 2,
    rope_theta: 10_000,
    rope_local_base_freq: 100,
    rope_scaling: null,
  });
  t.ok(gapWith('gemma3_text', old) <= 1e-5);
  const scaled = { ...old, rope_scaling: { rope_type: 'linear', factor: 8 } };
  t.ok(gapWith('gemma3_text', scaled) > 1e-3, 'global layers may be scaled');
  const inside = familyConfig('gemma3_text', {
    rope_parameters: {
      full_attention: { rope_type: 'linear', factor: 8, rope_theta: 10_000 },
      sliding_attention: { rope_type: 'default', rope_theta: 100 },
    },
  });
  t.equal(gapWith('gemma3_text', scaled), gapWith('gemma3_text', inside), 'and only those');
  t.end();
});

t.test('when Gemma 3 sees images, looks both ways or caps its scores, then it is refused', (t) => {
  const build = (changes: object) => () =>
    gapWith('gemma3_text', familyConfig('gemma3_text', { ...changes }));
  for (const changes of [
    { model_type: 'gemma3' },
    { use_bidirectional_attention: true },
    { attn_logit_softcapping: 50 },
  ]) {
    t.throws(build(changes), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  }
  t.end();
});

t.test(
  'when Gemma 3 is partitioned, then heads and channels go whole, and the rest says why not',
  (t) => {
    const found = familyPartition(familyConfig('gemma3_text'));
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
    });
    t.strictSame(unitOf(found, 'layers.1.mlp.channels', 7), {
      'mlp.gate_proj.weight.0': '7',
      'mlp.up_proj.weight.0': '7',
      'mlp.down_proj.weight.1': '7',
    });
    t.end();
  },
);

t.test('when units of Gemma 3 are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('gemma3_text'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});
