// How far logits are from what another model said of the same words, and from the words that came.
import { opMany } from './op.js';
import type { Tensor } from './tensor.js';

const both = opMany(
  'lorashear::deviations(Tensor logits, Tensor probabilities, Tensor labels) -> (Tensor nats, Tensor cross)',
);

/**
 * −ln q[label] and Σ p·ln q of each row, in float64, with q = softmax(logits): logits (N, V), probabilities p (N, V)
 * float32, labels (N) int64. Σ p·ln p less the second is KL(p ‖ q). Computes no gradients.
 * @throws TENSOR_OP_FAILED for other shapes or a label outside the vocabulary
 */
export const deviations = (
  logits: Tensor,
  probabilities: Tensor,
  labels: Tensor,
): [nats: Tensor, cross: Tensor] =>
  both(logits, probabilities, labels) as [nats: Tensor, cross: Tensor];
