import t from 'tap';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';

t.test('when config.json has the form of transformers 4, then Cohere is the same', (t) => {
  const old = familyConfig('cohere', {
    rope_parameters: undefined,
    dtype: undefined,
    torch_dtype: 'float32',
    rope_theta: undefined,
    rope_scaling: null,
    layer_norm_eps: undefined,
    tie_word_embeddings: undefined,
    use_qk_norm: undefined,
  });
  t.ok(gapWith('cohere', old) <= 1e-5);
  t.end();
});

t.test(
  'when Cohere is partitioned, then heads and channels go whole, and the rest says why not',
  (t) => {
    const found = familyPartition(familyConfig('cohere'));
    const [cut, kept] = summary(found);
    t.strictSame(cut, ['layers.*.self_attn.heads 2', 'layers.*.mlp.channels 48']);
    t.match(kept, {
      vocabulary: /^touches the output/,
      residual: /LayerNorms subtract a mean/,
      'layers.*.self_attn.queries_per_head': /^query heads share/,
      'layers.*.self_attn.query_key_width': /^RoPE pairs/,
      'layers.*.self_attn.value_width': /^width of a head/,
      'layers.*.self_attn.q_proj.width': /^single positions/,
      'layers.*.self_attn.k_proj.width': /^single positions/,
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

t.test('when units of Cohere are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('cohere'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});

t.test('when queries and keys are normalised, then a head takes its weights with it', (t) => {
  const config = familyConfig('cohere-qk-norm');
  const heads = unitOf(familyPartition(config), 'layers.0.self_attn.heads', 1);
  t.equal(heads['self_attn.q_norm.weight.0'], '2-3');
  t.equal(heads['self_attn.k_norm.weight.0'], '1');
  t.ok(cutGap(config).gap <= 1e-5);
  t.end();
});
