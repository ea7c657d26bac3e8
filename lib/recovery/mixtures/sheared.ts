// Dynamic batch loading of Sheared LLaMA (Xia et al. 2023, Alg. 1): shares move by exponentiated gradient on the excess loss.
import { type Mixture, normalised } from './mixture.js';

/** Step of the exponentiated gradient, 1 in the paper's code. */
const rate = 1;
/** Uniform part that keeps every share above zero (DoReMi, Xie et al. 2023). */
const smoothing = 1e-4;

/**
 * α_i ∝ q_i·exp(max(0, loss_i − dense_i)) from the shares q of the round before, at first those by size; then a part of
 * 10⁻⁴ evenly. The dense model's losses are the references.
 */
export const sheared: Mixture = ({ losses, dense, sizes, previous }) => {
  const names = Object.keys(losses);
  const before = normalised(
    Object.fromEntries(names.map((name) => [name, (previous ?? sizes)[name] ?? 0])),
  );
  const moved = normalised(
    Object.fromEntries(
      names.map((name) => {
        const excess = Math.max(0, (losses[name] ?? 0) - (dense[name] ?? 0));
        return [name, (before[name] ?? 0) * Math.exp(rate * excess)];
      }),
    ),
  );
  return Object.fromEntries(
    names.map((name) => [name, (1 - smoothing) * (moved[name] ?? 0) + smoothing / names.length]),
  );
};
