// A LLaMA with LoRA whose weights are drawn on the device by each one's name: the peer draws the same, and nothing is stored.
import { attachFactors } from '../lib/lora/lora.js';
import { defaults } from '../lib/lora/settings.js';
import { architectureOf } from '../lib/models/index.js';
import type { Model } from '../lib/models/model.js';
import type { DType } from '../lib/tensor/dtype.js';
import { noGrad } from '../lib/tensor/autograd.js';
import { empty, full, normal_ } from '../lib/tensor/ops.js';
import { randomStream } from '../lib/tensor/random.js';
import { keep, scoped } from '../lib/tensor/scope.js';
import type { Tensor } from '../lib/tensor/tensor.js';
import { type LlamaModelShape, llamaConfigOf } from './llama_folder.js';

/** Standard deviation of every weight and factor, as transformers initialises matrices. */
const deviation = 0.02;

export interface RandomLlama {
  readonly shape: LlamaModelShape;
  readonly dtype: DType;
  readonly device: string;
  readonly r: number;
  readonly alpha: number;
}

/**
 * Matrices from N(0, 0.02²), norms 1; LoRA on every linear of the blocks, A and B both drawn, so that every factor has
 * a gradient. Factors are float32 whatever the model's type.
 */
export function randomLlama({ shape, dtype, device, r, alpha }: RandomLlama): Model {
  const config = llamaConfigOf(shape, dtype);
  const drawn = (name: string, extents: readonly number[], type: DType): Tensor =>
    noGrad(() =>
      keep(
        scoped(() => {
          const { id } = randomStream(seedOf(name), device);
          return normal_(empty(extents, type, device), 0, deviation, id);
        }),
      ),
    );
  const model = architectureOf(config).build(config, (name, extents) =>
    extents.length === 1 ? keep(full(extents, 1, dtype, device)) : drawn(name, extents, dtype),
  );
  const settings = { ...defaults, r, alpha };
  attachFactors(model, settings, new Map(model.linears()), {
    seed: 0,
    factors: (linear, rank, path) => ({
      A: drawn(`${path}.lora_A.weight`, [rank, linear.inFeatures], 'float32'),
      B: drawn(`${path}.lora_B.weight`, [linear.outFeatures, rank], 'float32'),
    }),
  });
  return model;
}

/** FNV-1a of the name, 32 bits: what bench/peers/suites/random_llama.py computes. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
