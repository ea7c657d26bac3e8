// Where a module's tensors come from while it is built: a checkpoint, another model, or nothing (meta).
import type { DType } from '../tensor/dtype.js';
import { empty } from '../tensor/ops.js';
import { keep } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** Gives the tensor called `name`; the module that takes it owns it. Throws when it has another shape. */
export type WeightSource = (name: string, shape: readonly number[]) => Tensor;

/** Weightless tensors: shapes flow, nothing is computed and no memory is used (design §3.7). */
export function metaWeights(dtype: DType = 'float32'): WeightSource {
  return (_name, shape) => keep(empty(shape, dtype, 'meta'));
}

/** `source` with every name below `prefix`; below '' they are as they were. */
export function below(source: WeightSource, prefix: string): WeightSource {
  if (prefix === '') return source;
  return (name, shape) => source(`${prefix}.${name}`, shape);
}
