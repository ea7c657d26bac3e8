import t from 'tap';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';

t.test('when config.json has the form of transformers 4, then Gemma 2 is the same', (t) => {
  const old = familyConfig('gemma2', {
    rope_parameters: undefined,
    dtype: undefined,
    torch_dtype: 'float32',
    layer_types: undefined,
    tie_word_embeddings: undefined,
    hidden_act: 'relu',
    hidden_activation: undefined,
    rope_theta: 10_000,
  });
  t.ok(gapWith('gemma2', old) <= 1e-5);
  t.end();
});

t.test('when a soft cap is null, then there is none, and 50 and 30 without the key', (t) => {
  const gap = (changes: object): number =>
    gapWith('gemma2', familyConfig('gemma2', { ...changes }));
  for (const key of ['attn_logit_softcapping', 'final_logit_softcapping']) {
    t.ok(gap({ [key]: null }) > 1e-3, key);
    t.not(gap({ [key]: null }), gap({ [key]: undefined }));
  }
  const all = { attn_logit_softcapping: 50, final_logit_softcapping: 30 };
  const none = { attn_logit_softcapping: undefined, final_logit_softcapping: undefined };
  t.equal(gap(none), gap(all));
  t.end();
});

t.test('when Gemma 2 looks both ways or has layers of another kind, then it is refused', (t) => {
  const build = (changes: object) => () =>
    gapWith('gemma2', familyConfig('gemma2', { ...changes }));
  for (const changes of [
    { use_bidirectional_attention: true },
    { layer_types: ['full_attention', 'chunked_attention'] },
  ]) {
    t.throws(build(changes), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  }
  t.throws(build({ layer_types: ['full_attention'] }), { code: 'CHECKPOINT_INVALID' });
  t.end();
});

t.test(
  'when Gemma 2 is partitioned, then heads and channels go whole, and the rest says why not',
  (t) => {
    const found = familyPartition(familyConfig('gemma2'));
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

t.test('when units of Gemma 2 are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('gemma2'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});
