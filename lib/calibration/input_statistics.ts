// What flows into the consumers of a group on calibration text: first and second moments of their inputs.
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { add_, diagonal, matmul, pow, reshape, sum, to, transpose, zeros } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';

/** Which second moments are gathered: of each pair of features, or of each feature alone. */
export type Moments = 'products' | 'squares';

/** Sums over `count` positions of the inputs x (n) of one linear; float64. */
export interface InputStatistics {
  readonly gram: Tensor; // Σ x·xᵀ (n, n); of `squares` its diagonal alone (n)
  readonly sum: Tensor; // Σ x (n)
  count: number;
}

/**
 * Runs the model over `batches` and gathers the inputs of the linears called `paths`. The caller disposes
 * the result with {@link disposeStatistics}. Without paths nothing is run. Products are float32 for each batch, sums float64.
 * A linear of n inputs takes 8·n² bytes for `products` and 8·n for `squares`.
 * @throws PARTITION_INVALID for a path that is no linear of the model
 */
export function inputStatistics(
  ctx: Context,
  model: Model,
  paths: readonly string[],
  batches: readonly TokenBatch[],
  moments: Moments = 'products',
): Map<string, InputStatistics> {
  const linears = linearsAt(model, paths);
  const statistics = new Map<string, InputStatistics>();
  if (paths.length === 0) return statistics;
  for (const [path, linear] of linears) {
    const { inFeatures: n } = linear;
    const entry: InputStatistics = {
      gram: keep(zeros(moments === 'products' ? [n, n] : [n], 'float64')),
      sum: keep(zeros([n], 'float64')),
      count: 0,
    };
    statistics.set(path, entry);
    linear.observer = (x) => {
      scoped(() => {
        const rows = reshape(x, [-1, n]);
        const second =
          moments === 'products' ? matmul(transpose(rows, 0, 1), rows) : sum(pow(rows, 2), [0]);
        add_(entry.gram, to(second, 'cpu', 'float64'));
        add_(entry.sum, to(sum(rows, [0]), 'cpu', 'float64'));
        entry.count += rows.extent(0);
      });
    };
  }
  try {
    for (const batch of batches) {
      ctx.checkpoint();
      noGrad(() => {
        scoped(() => {
          model.hidden(tokensOf(batch, model.device));
        });
      });
    }
  } catch (thrown) {
    disposeStatistics(statistics);
    throw thrown;
  } finally {
    for (const linear of linears.values()) linear.observer = null;
  }
  return statistics;
}

/** Σ x_j² of each feature (n), whichever moments were gathered. */
export const squaresOf = ({ gram }: InputStatistics): Tensor =>
  gram.shape.length === 1 ? gram : diagonal(gram);

function linearsAt(model: Model, paths: readonly string[]): Map<string, Linear> {
  const all = model.linears();
  return new Map(
    paths.map((path) => {
      const linear = all.get(path);
      if (linear) return [path, linear];
      throw new LoraShearError('PARTITION_INVALID', `the model has no linear '${path}'`, {
        hint: 'the partition does not belong to this model',
      });
    }),
  );
}

export function disposeStatistics(statistics: ReadonlyMap<string, InputStatistics>): void {
  for (const { gram, sum: total } of statistics.values()) {
    gram.dispose();
    total.dispose();
  }
}
