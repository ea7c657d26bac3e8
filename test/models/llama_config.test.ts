import t from 'tap';
import { llamaConfig } from '../../lib/models/llama_config.js';
import type { RawConfig } from '../../lib/models/model.js';
import { randomConfig } from '../fixtures/random_llama.js';

const config = randomConfig();

t.test('when config.json is whole, then its sizes are read', (t) => {
  t.same(llamaConfig(randomConfig({ tied: false, biases: true })), {
    width: 16,
    channels: 12,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    vocabulary: 32,
    context: 64,
    eps: 1e-5,
    activation: 'silu',
    tied: false,
    attentionBias: true,
    mlpBias: true,
  });
  t.end();
});

t.test('when optional keys are absent or null, then the defaults of transformers hold', (t) => {
  const sizes = {
    model_type: 'llama',
    hidden_size: 16,
    intermediate_size: 12,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    vocab_size: 8,
  };
  t.match(llamaConfig(sizes), {
    kvHeads: 4,
    headDim: 4,
    context: 2048,
    eps: 1e-6,
    tied: false,
    attentionBias: false,
    mlpBias: false,
  });
  const nulls = {
    num_key_value_heads: null,
    head_dim: null,
    rope_scaling: null,
    rope_theta: null,
    rope_parameters: null,
  };
  t.same(llamaConfig({ ...sizes, ...nulls }), llamaConfig(sizes));
  t.end();
});

t.test('when sizes are missing or impossible, then CHECKPOINT_INVALID names every one', (t) => {
  const invalid = (change: RawConfig, message: RegExp): void => {
    t.throws(() => llamaConfig({ ...config, ...change }), {
      code: 'CHECKPOINT_INVALID',
      message,
      hint: String,
    });
  };
  invalid({ hidden_size: undefined }, /hidden_size/);
  invalid({ hidden_size: 0 }, /hidden_size/);
  invalid({ vocab_size: 1.5, num_hidden_layers: '2' }, /num_hidden_layers: .*vocab_size: /s);
  invalid({ rms_norm_eps: -1 }, /rms_norm_eps/);
  invalid({ tie_word_embeddings: 'yes' }, /tie_word_embeddings/);
  invalid({ num_key_value_heads: 3 }, /4 query heads, 3 kv heads/);
  invalid({ head_dim: 3 }, /head_dim 3/);
  invalid({ head_dim: null, hidden_size: 18 }, /head_dim 4\.5/);
  t.end();
});
