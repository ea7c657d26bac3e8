// The least products of a LLaMA's passes, in floating-point operations: linear layers and causal attention.
import type { LlamaModelShape } from './llama_folder.js';

/**
 * Of the forward pass of `batch` texts of `length` tokens. Attention counts the half of all pairs that a causal mask
 * leaves, scores and sums; nothing else counts.
 */
export function forwardFlops(shape: LlamaModelShape, batch: number, length: number): number {
  const { hidden, layers, heads, kvHeads, intermediate, vocabulary } = shape;
  const keyValue = (hidden / heads) * kvHeads;
  const weights = layers * hidden * (2 * hidden + 2 * keyValue + 3 * intermediate);
  const tokens = batch * length;
  const attention = layers * tokens * length * hidden * 2;
  return 2 * tokens * (weights + hidden * vocabulary) + attention;
}

/**
 * Of a training step with LoRA of rank `r` on all seven linear layers of a frozen model: every product forward, its
 * gradient for the input but not for frozen weights, attention forward and twice as much backward, LoRA three times.
 * The first layer's queries, keys and values need no gradient for their input, which is the frozen embedding.
 */
export function loraStepFlops(
  shape: LlamaModelShape,
  batch: number,
  length: number,
  r: number,
): number {
  const { hidden, layers, heads, kvHeads, intermediate } = shape;
  const keyValue = (hidden / heads) * kvHeads;
  const tokens = batch * length;
  const attention = layers * tokens * length * hidden * 2;
  const first = 2 * tokens * hidden * (hidden + 2 * keyValue);
  const adapters =
    layers * r * (4 * hidden + 2 * (hidden + keyValue) + 3 * (hidden + intermediate));
  return 2 * forwardFlops(shape, batch, length) + attention - first + 3 * 2 * tokens * adapters;
}
