import t from 'tap';
import { loadModel } from '../../lib/checkpoint/load.js';
import { familyFolder } from '../fixtures/families.js';
import {
  cutGap,
  familyConfig,
  familyPartition,
  gapWith,
  summary,
  unitOf,
} from '../fixtures/family_cut.js';
import { logitsOf, relativeGap } from '../fixtures/family_model.js';

t.test('when config.json has the form of transformers 4, then Phi-3 is the same', (t) => {
  const old = familyConfig('phi3', {
    rope_parameters: undefined,
    dtype: undefined,
    torch_dtype: 'float32',
    rope_theta: undefined,
    rope_scaling: null,
    rms_norm_eps: undefined,
    original_max_position_embeddings: undefined,
  });
  t.ok(gapWith('phi3', old) <= 1e-5);
  const { short_factor, long_factor } = familyConfig('phi3-longrope')['rope_parameters'] as Record<
    string,
    unknown
  >;
  for (const type of ['longrope', 'su', 'yarn']) {
    const long = familyConfig('phi3-longrope', {
      rope_parameters: undefined,
      rope_theta: 10_000,
      partial_rotary_factor: 0.75,
      rope_scaling: { type, short_factor, long_factor },
    });
    t.ok(gapWith('phi3-longrope', long) <= 1e-5, type);
  }
  t.end();
});

t.test(
  'when padding makes a batch longer than the original context, then it still turns as short',
  (t) => {
    const model = loadModel(familyFolder('phi3-longrope'));
    const row = [5, 6, 7, 8, 9, 10];
    const alone = logitsOf(model, [row])[0]!.at(-1)!;
    const pads = Array<number>(14).fill(0);
    const mask = [[...pads, ...row.map(() => 1)]];
    const padded = logitsOf(model, [[...pads, ...row]], { mask })[0]!.at(-1)!;
    t.ok(relativeGap(padded, alone) <= 1e-5);
    model.dispose();
    t.end();
  },
);

t.test('when Phi-3 has biases or another scaling, then it is refused', (t) => {
  const build = (changes: object) => () => gapWith('phi3', familyConfig('phi3', { ...changes }));
  for (const changes of [
    { attention_bias: true },
    { mlp_bias: true },
    { lm_head_bias: true },
    { rope_parameters: { rope_type: 'linear', factor: 2 } },
  ]) {
    t.throws(build(changes), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  }
  t.end();
});

t.test(
  'when Phi-3 is partitioned, then heads and channels go whole, and the rest says why not',
  (t) => {
    const found = familyPartition(familyConfig('phi3'));
    const [cut, kept] = summary(found);
    t.strictSame(cut, ['layers.*.self_attn.heads 2', 'layers.*.mlp.channels 48']);
    t.match(kept, {
      vocabulary: /^touches the output/,
      residual: /^the width of all layers/,
      'layers.*.self_attn.queries_per_head': /^query heads share/,
      'layers.*.self_attn.qkv_proj.query_key_width': /^RoPE pairs/,
      'layers.*.self_attn.value_width': /^width of a head/,
    });
    t.strictSame(unitOf(found, 'layers.1.self_attn.heads', 1), {
      'self_attn.qkv_proj.weight.0': '16-31, 40-47, 56-63',
      'self_attn.o_proj.weight.1': '16-31',
    });
    t.strictSame(unitOf(found, 'layers.1.mlp.channels', 7), {
      'mlp.gate_up_proj.weight.0': '7, 55',
      'mlp.down_proj.weight.1': '7',
    });
    t.end();
  },
);

t.test('when units of Phi-3 are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('phi3'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});

t.test('when units of a tied Phi-3 with LongRoPE are zero, then the cut computes the same', (t) => {
  const { gap, config } = cutGap(familyConfig('phi3-longrope'));
  t.ok(gap <= 1e-5, `the logits differ by ${gap}`);
  t.match(config, { num_attention_heads: 2, num_key_value_heads: 1, intermediate_size: 43 });
  t.end();
});
