import t from 'tap';
import {
  exportConfig,
  hasBiases,
  keptHeadsRule,
  loadsAsItself,
} from '../../lib/checkpoint/export_config.js';
import { llamaConfig } from '../../lib/models/llama_config.js';
import { configOf } from '../fixtures/family_units.js';
import { randomConfig } from '../fixtures/random_llama.js';

t.test('when the heads divide the hidden size, then config.json stays as it is', (t) => {
  const config = { ...randomConfig(), anything: 'else' };
  const { config: exported, modelType, reason, dtype } = exportConfig(config);
  t.same(exported, config);
  t.same([modelType, reason, dtype], ['llama', undefined, 'float32']);
  t.end();
});

t.test('when they do not, then it is a mistral without a window that says every size', (t) => {
  const config = { ...randomConfig({ heads: 6, kvHeads: 3, width: 16 }), pretraining_tp: 1 };
  const { config: exported, modelType, reason } = exportConfig(config);
  t.equal(modelType, 'mistral');
  t.match(reason, /6 heads.*16/);
  t.match(exported, {
    architectures: ['MistralForCausalLM'],
    model_type: 'mistral',
    sliding_window: null,
    num_attention_heads: 6,
    num_key_value_heads: 3,
    head_dim: 4,
    hidden_size: 16,
    intermediate_size: 12,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    bos_token_id: 1,
  });
  for (const key of ['attention_bias', 'mlp_bias', 'pretraining_tp']) t.notOk(key in exported, key);
  t.end();
});

t.test('when sizes were left to the defaults of llama, then mistral is told them', (t) => {
  const { num_key_value_heads, rope_theta, rms_norm_eps, max_position_embeddings, ...sparse } =
    randomConfig({ heads: 6, kvHeads: 6, width: 16 }) as Record<string, unknown>;
  t.ok(num_key_value_heads && rope_theta && rms_norm_eps && max_position_embeddings);
  const { config } = exportConfig(sparse);
  const c = llamaConfig(sparse);
  t.match(config, {
    num_key_value_heads: 6,
    rope_theta: 10_000,
    rms_norm_eps: c.eps,
    max_position_embeddings: c.context,
  });
  t.end();
});

t.test('when RoPE is described in the new form, then that form is kept', (t) => {
  const rope_parameters = { rope_theta: 500000, rope_type: 'default' };
  const { rope_theta, ...modern } = randomConfig({ heads: 6, kvHeads: 3, width: 16 }) as Record<
    string,
    unknown
  >;
  t.ok(rope_theta);
  const { config } = exportConfig({ ...modern, rope_parameters });
  t.same(config['rope_parameters'], rope_parameters);
  t.notOk('rope_theta' in config);
  t.end();
});

t.test('when the model has biases and the heads do not divide, then there is no export', (t) => {
  const config = randomConfig({ heads: 6, kvHeads: 3, width: 16, biases: true });
  t.ok(hasBiases(config));
  t.throws(() => exportConfig(config), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  t.equal(exportConfig(randomConfig({ biases: true })).modelType, 'llama');
  t.end();
});

t.test('when config.json names an element type, then it is kept under its key', (t) => {
  const { torch_dtype, ...plain } = randomConfig() as Record<string, unknown>;
  t.equal(torch_dtype, 'float32');
  t.match(exportConfig({ ...plain, dtype: 'bfloat16' }), {
    dtype: 'bfloat16',
    config: { dtype: 'bfloat16', torch_dtype: undefined },
  });
  t.match(exportConfig({ ...plain, torch_dtype: 'float16' }).config, { torch_dtype: 'float16' });
  t.match(exportConfig(plain).config, { torch_dtype: 'float32' });
  t.match(exportConfig({ ...plain, torch_dtype: 'float64' }).config, { torch_dtype: 'float32' });
  t.end();
});

t.test('when the family is not llama, then any number of heads loads', (t) => {
  t.ok(loadsAsItself({ model_type: 'mistral', hidden_size: 256 }, 6));
  t.notOk(loadsAsItself({ model_type: 'llama', hidden_size: 256 }, 6));
  t.ok(loadsAsItself({ model_type: 'llama', hidden_size: 256 }, 8));
  t.end();
});

t.test('when a family has a rule of its own for heads, then only those can be kept', (t) => {
  const kept = (name: string, changes = {}): number[] => {
    const config = { ...configOf(name), ...changes };
    return [1, 2, 3, 4].filter(keptHeadsRule(config));
  };
  t.same(kept('gpt2'), [3], 'n_embd / n_head is the width of a head');
  t.same(kept('opt'), [4]);
  t.same(kept('falcon-new'), [2]);
  t.same(kept('phi3'), [1, 2, 3, 4]);
  t.same(kept('phi3-longrope'), [2], 'its factors are counted by hidden_size / heads');
  t.same(kept('gemma2', { num_attention_heads: 4, num_key_value_heads: 4 }), [1, 2, 4]);
  t.same(kept('llama'), [1, 2, 3, 4], 'as mistral');
  t.same(kept('llama-bias'), [1, 2, 4]);
  t.end();
});

t.test('when an earlier export added keys for engines, then they do not go on', (t) => {
  const ours = { auto_map: {}, block_configs: [], lorashear: { form: 'per-layer' } };
  const { config } = exportConfig({
    ...{ ...randomConfig(), ...ours, architectures: ['LorashearForCausalLM'] },
  });
  t.match(config, { architectures: ['LlamaForCausalLM'], model_type: 'llama' });
  for (const key of Object.keys(ours)) t.notOk(key in config, key);
  t.end();
});
