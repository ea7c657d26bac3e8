// Causal attention over texts that may share a row, with gradients.
import { op } from './op.js';
import type { Tensor } from './tensor.js';

/**
 * softmax(scale·q·kᵀ)·v over what each query sees: q (B, H, T, D), k and v (B, K, S, D) with S ≥ T and H a multiple of
 * K, all of one type; query t is token S − T + t and sees the tokens from first[b][t] to its own; `first` is int32
 * (B or 1, T), all of them 0 where it is null. The result (B, H, T, D) lies in memory as (B, T, H, D).
 *
 * On the CPU, float32 and bf16 with even D go through blocks of scores; everything else through libtorch, with a mask.
 */
export const causalAttention = op(
  'lorashear::causal_attention(Tensor q, Tensor k, Tensor v, Tensor? first, float scale) -> Tensor',
) as (q: Tensor, k: Tensor, v: Tensor, first: Tensor | null, scale: number) => Tensor;

/** The same by libtorch alone. */
export const causalAttentionReference = op(
  'lorashear::causal_attention_reference(Tensor q, Tensor k, Tensor v, Tensor? first, float scale) -> Tensor',
) as (q: Tensor, k: Tensor, v: Tensor, first: Tensor | null, scale: number) => Tensor;
