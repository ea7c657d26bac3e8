// libtorch's operators for an optimiser's step over many parameters at once.
import { opMany, opVoid } from './op.js';
import type { Tensor } from './tensor.js';

/** `lr` is () float64 on the CPU, float32 on a GPU, which reads it there. */
export const fusedAdamW = opVoid(
  'aten::_fused_adamw_.tensor_lr(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, Tensor lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()',
) as (
  params: readonly Tensor[],
  grads: readonly Tensor[],
  m: readonly Tensor[],
  v: readonly Tensor[],
  vMax: readonly Tensor[],
  steps: readonly Tensor[],
  lr: Tensor,
  beta1: number,
  beta2: number,
  weightDecay: number,
  eps: number,
  amsgrad: boolean,
  maximize: boolean,
  gradScale?: Tensor | null,
  skip?: Tensor | null,
) => void;
/** x + by, in place, for every x. */
export const foreachShift_ = opVoid(
  'aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()',
) as (xs: readonly Tensor[], by: number) => void;
/** x + factor·by, in place, for every x; `by` has one element, on their device. */
export const foreachAdd_ = opVoid(
  'aten::_foreach_add_.Tensor(Tensor(a!)[] self, Tensor other, *, Scalar alpha=1) -> ()',
) as (xs: readonly Tensor[], by: Tensor, factor?: number) => void;
/** x·by, in place, for every x; `by` has one element, on their device. */
export const foreachMul_ = opVoid(
  'aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()',
) as (xs: readonly Tensor[], by: Tensor) => void;
/** `found` (float32) becomes 1 where an element of an x is not finite; x·by, in place. */
export const markNotFinite_ = opVoid(
  'aten::_amp_foreach_non_finite_check_and_unscale_(Tensor(a!)[] self, Tensor(b!) found_inf, Tensor inv_scale) -> ()',
) as (xs: readonly Tensor[], found: Tensor, by: Tensor) => void;
export const foreachNorm = opMany(
  'aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]',
) as (xs: readonly Tensor[], ord: number) => Tensor[];
