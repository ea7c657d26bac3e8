// LoRA on a model: attach to the linears of the blocks, merge into the base, take off (algorithm.md §1.2, §3.2).
import type { Model } from '../models/model.js';
import type { Lora } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { add_, empty, matmul, scale, to, uniform_, zero_, zeros } from '../tensor/ops.js';
import { randomStream } from '../tensor/random.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

export interface LoraOptions {
  /** Rank r. */
  readonly r: number;
  /** The update is scaled by s = alpha / r. */
  readonly alpha: number;
  readonly seed: number;
}

/**
 * Gives every linear of the blocks factors A ~ U(±1/√in) (r, in) and B = 0 (out, r) that take gradients. Factors
 * that were attached before are disposed.
 */
export function attachLora(model: Model, { r, alpha, seed }: LoraOptions): void {
  detachLora(model);
  const random = randomStream(seed); // of the CPU, so that a seed means the same factors on every device
  noGrad(() => {
    for (const linear of model.linears().values()) {
      const device = linear.weight.device;
      const bound = 1 / Math.sqrt(linear.inFeatures);
      const draw = (on: string): Tensor => empty([r, linear.inFeatures], 'float32', on);
      const A = scoped(() =>
        keep(
          device === 'meta'
            ? draw('meta')
            : to(uniform_(draw('cpu'), -bound, bound, random.id), device, 'float32'),
        ),
      );
      const B = keep(zeros([linear.outFeatures, r], 'float32', device));
      A.requiresGrad = true;
      B.requiresGrad = true;
      linear.lora = { A, B, scale: alpha / r };
    }
  });
}

/** All factors by their stored names (`….lora_A.weight`, `….lora_B.weight`), in a fixed order. */
export function loraParameters(model: Model): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [path, { lora }] of model.linears()) {
    if (!lora) continue;
    found.set(`${path}.lora_A.weight`, lora.A);
    found.set(`${path}.lora_B.weight`, lora.B);
  }
  return found;
}

/** ΔW = s·B·A (out, in), a new tensor in the current scope. */
export function loraDelta({ A, B, scale: s }: Lora): Tensor {
  return noGrad(() => scale(matmul(B, A), s));
}

/** W ← W + s·B·A and B ← 0 on every linear; A stays. The logits do not change. */
export function mergeLora(model: Model): void {
  noGrad(() => {
    for (const linear of model.linears().values()) {
      const { lora } = linear;
      if (!lora) continue;
      scoped(() => {
        add_(linear.weight, loraDelta(lora));
        zero_(lora.B);
      });
    }
  });
}

/** Takes the factors off and disposes them; merge first to keep what they learned. */
export function detachLora(model: Model): void {
  for (const linear of model.linears().values()) {
    const { lora } = linear;
    linear.lora = null;
    lora?.A.dispose();
    lora?.B.dispose();
  }
}
