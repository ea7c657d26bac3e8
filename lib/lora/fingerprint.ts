// What tells one base model from another: enough of its numbers that a wrong pairing with an adapter shows.
import { createHash } from 'node:crypto';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { indexSelect, reshape, sumAll, to, viewAs } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** Numbers taken from each tensor, evenly spaced. */
const samples = 256;

/**
 * SHA-256 (hexadecimal) over the head counts, and over every base tensor by name: its shape, the sum of its numbers' bits
 * as whole numbers (exact, so it depends on no order, thread or device), and 256 of its numbers with their places.
 * The sum shows that a number changed anywhere; the samples show that rows changed places, which no sum does. One pass
 * over memory, no copy. Numbers count as float32, so that a base stored as bfloat16 is the same when stored wider; LoRA's
 * factors do not count. Not made against forgery.
 */
export function baseFingerprint(model: Model): string {
  const hash = createHash('sha256');
  const { config } = model;
  const heads = config['num_attention_heads'] ?? config['n_head'] ?? null;
  hash.update(JSON.stringify([heads, config['num_key_value_heads'] ?? heads]));
  const base = [...model.parameters()].filter(([name]) => !/\.lora_[AB]\.weight$/.test(name));
  base.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, tensor] of base) {
    hash.update(JSON.stringify([name, tensor.shape]));
    for (const bytes of digestsOf(tensor)) hash.update(bytes);
  }
  return hash.digest('hex');
}

function digestsOf(tensor: Tensor): Uint8Array[] {
  const { size, device } = tensor;
  if (size === 0) return [];
  return noGrad(() =>
    scoped(() => {
      const flat = reshape(to(tensor, device, 'float32'), [-1]);
      const words = viewAs(flat, size % 2 === 0 ? 'int64' : 'int32'); // pairs: half as many to add
      const sum = sumAll(words); // int64, modulo 2⁶⁴
      const count = Math.min(samples, size);
      const places = Array.from({ length: count }, (_, i) => Math.floor((i * size) / count));
      const taken = indexSelect(flat, 0, longTensorOn(device, places));
      return [sum, taken].map((x) => new Uint8Array(x.toBytes()));
    }),
  );
}
