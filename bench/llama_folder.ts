// Model folders of LLaMA's form with random weights, which ours and the peers load.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveSafetensors } from '../lib/checkpoint/save.js';
import { architectureOf } from '../lib/models/index.js';
import type { RawConfig } from '../lib/models/model.js';
import { metaWeights } from '../lib/nn/weight_source.js';
import type { DType } from '../lib/tensor/dtype.js';
import { empty, full, normal_ } from '../lib/tensor/ops.js';
import { randomStream } from '../lib/tensor/random.js';
import { scoped } from '../lib/tensor/scope.js';
import type { Tensor } from '../lib/tensor/tensor.js';
import type { LlamaShape } from './sliced_matrices.js';

export interface LlamaModelShape extends LlamaShape {
  readonly vocabulary: number;
}

/** config.json of a LLaMA of this shape; no token ends a text, so that generation has the length it is asked for. */
export function llamaConfigOf(shape: LlamaModelShape, dtype: DType = 'float32'): RawConfig {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hidden,
    intermediate_size: shape.intermediate,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    vocab_size: shape.vocabulary,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    hidden_act: 'silu',
    tie_word_embeddings: false,
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null,
    dtype,
  };
}

/** As transformers initialises: matrices from N(0, 0.02²), norms 1. */
export function writeLlama(dir: string, shape: LlamaModelShape, dtype: DType): void {
  const config = llamaConfigOf(shape, dtype);
  const random = randomStream(0);
  const weight = (extents: readonly number[]): Tensor =>
    extents.length === 1
      ? full(extents, 1, dtype)
      : normal_(empty(extents, dtype), 0, 0.02, random.id);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config, null, 2));
  using model = architectureOf(config).build(config, metaWeights(dtype));
  scoped(() => {
    const tensors = [...model.parameters()].map(
      ([name, { shape: extents }]) => [name, weight(extents)] as const,
    );
    saveSafetensors(join(dir, 'model.safetensors'), tensors);
  });
}

/** Token ids (batch · length) that both sides compute by the same formula. */
export function tokenIds(count: number, vocabulary: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7919 + 13) % vocabulary);
}

/** A row of logits as a check: its root mean square, then the first of them, which differ relative to it. */
export function logitRow(logits: Tensor): number[] {
  const values = logits.toFloat32();
  const square = values.reduce((sum, value) => sum + value * value, 0);
  return [Math.sqrt(square / values.length), ...values.slice(0, checkedLogits)];
}
const checkedLogits = 256;
