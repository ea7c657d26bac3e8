// Proofs around the cut: removed units are exactly zero, masked ≡ compact, and the saved folder is what was computed.
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import { exportConfig, plainConfig } from '../checkpoint/export_config.js';
import { formOf } from '../checkpoint/form_of.js';
import { loadModel, readConfig } from '../checkpoint/load.js';
import type { Partition } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { indexSelect, slice as sliceOf, stack, sub, to } from '../tensor/ops.js';
import { foreachNorm } from '../tensor/optimizer_ops.js';
import { scoped } from '../tensor/scope.js';
import type { DType } from '../tensor/dtype.js';
import { type Tensor, longTensor } from '../tensor/tensor.js';
import { padModel, paddingOf } from './pad.js';
import type { Removed } from './slice.js';

export interface Equality {
  readonly maxAbsDifference: number;
  /** Largest |logit|. */
  readonly logitScale: number;
  /** Largest difference that was allowed. */
  readonly tolerance: number;
}

/** Float32 sums in another order: allowed difference as a share of the logits' scale (design §1, 21). */
export const relativeTolerance = 1e-4;
/** The same where every product is rounded to 8 or 11 bits. */
const halfTolerance = 5e-2;

/**
 * Compares the logits of the masked and of the compact model on `tokens` (B, T), row by row.
 * @throws CUT_NOT_EQUAL beyond 1e-4 of the logits' scale (5e-2 for weights of half types), or where a logit is no number
 */
export function verifyCut(ctx: Context, masked: Model, compact: Model, tokens: Tensor): Equality {
  const [[, first] = []] = [...compact.parameters()];
  const relative = first?.dtype === 'float32' ? relativeTolerance : halfTolerance;
  const equality = compareLogits(ctx, masked, compact, tokens, relative);
  refuseDifference(equality, 'the compact model differs from the masked one', {
    hint: 'units that are removed must be exactly zero; please report this with --debug output',
  });
  return equality;
}

/**
 * Loads the exported folder `dir` again: every weight must be bit for bit what was computed (rounded to the element
 * type that it was stored in), with zeros where the folder is padded, and the logits on `tokens` (B, T) must be `compact`'s.
 * @param compact the model that was exported, in whatever form
 * @throws CUT_NOT_EQUAL, and all that loading throws
 */
export function verifyExport(ctx: Context, dir: string, compact: Model, tokens: Tensor): Equality {
  const config = readConfig(dir);
  const { dtype } = exportConfig(config);
  const reloaded = loadModel(dir, { device: ctx.device });
  const padded =
    formOf(config) === 'padded' ? padModel(compact, paddingOf(plainConfig(compact.config))) : null;
  try {
    compareWeights(ctx, dir, padded ?? compact, reloaded, dtype);
    // With the weights equal, only rounding to a half type can move the logits.
    const equality = compareLogits(
      ctx,
      compact,
      reloaded,
      tokens,
      dtype === 'float32' ? relativeTolerance : halfTolerance,
    );
    refuseDifference(equality, `${dir} computes other logits than the model that was saved`, {
      hint: 'export again; if it happens again, please report it with --debug output',
    });
    return equality;
  } finally {
    padded?.dispose();
    reloaded.dispose();
  }
}

function compareWeights(
  ctx: Context,
  dir: string,
  saved: Model,
  reloaded: Model,
  dtype: DType,
): void {
  const stored = new Map(reloaded.parameters());
  for (const [name, computed] of saved.parameters()) {
    ctx.checkpoint();
    const found = stored.get(name);
    const same =
      found?.shape.join() === computed.shape.join() &&
      scoped(() => {
        const rounded = to(to(computed, computed.device, dtype), found.device, 'float32');
        return maxima([sub(found, rounded)])[0] === 0;
      });
    if (!same) {
      throw new LoraShearError('CUT_NOT_EQUAL', `${dir}: '${name}' is not what was saved`, {
        hint: 'the disk or the folder was changed while it was written: export again',
        facts: { dir, name },
      });
    }
  }
}

/**
 * Every slice of the removed units (weights, biases, rows of LoRA's B, columns of its A) holds exact zeros.
 * Slices of LoRA factors that the model no longer carries do not count, nor do experts, which are closed instead.
 * @throws CUT_NOT_EQUAL naming the first parameter that does not
 */
export function assertZeroUnits(model: Model, partition: Partition, removed: Removed): void {
  const parameters = new Map(model.parameters());
  for (const { id, kind, units, slices } of partition.groups) {
    const gone = removed.get(id) ?? [];
    if (gone.length === 0 || kind === 'experts') continue;
    const present = slices
      .filter(({ param, lora }) => lora === null || parameters.has(param))
      .map((slice) => ({
        slice,
        indices: gone.flatMap((unit) => sliceIndices(slice, units, unit)),
      }))
      .filter(({ indices }) => indices.length > 0);
    const largest = scoped(() =>
      maxima(
        present.map(({ slice, indices }) => {
          const tensor = parameters.get(slice.param);
          if (!tensor) {
            throw new LoraShearError('PARTITION_INVALID', `the model has no '${slice.param}'`, {
              hint: 'the partition does not belong to this model',
            });
          }
          const index = to(longTensor(indices, [indices.length]), tensor.device, 'int64');
          return noGrad(() => indexSelect(tensor, slice.dim, index));
        }),
      ),
    );
    const odd = largest.findIndex((value) => value !== 0);
    if (odd < 0) continue;
    const param = present[odd]?.slice.param ?? '';
    throw new LoraShearError(
      'CUT_NOT_EQUAL',
      `${id}: removed units are not zero in '${param}' (largest ${largest[odd] ?? NaN})`,
      {
        hint: 'this is a defect of lorashear-native; please report it with --debug output',
        facts: { group: id, param, largest: largest[odd] },
      },
    );
  }
}

/** max |x| of each tensor; NaN where a tensor holds one. */
export function maxima(tensors: readonly Tensor[]): number[] {
  if (tensors.length === 0) return [];
  return noGrad(() => scoped(() => stack(foreachNorm(tensors, Infinity), 0).toArray()));
}

function compareLogits(
  ctx: Context,
  reference: Model,
  other: Model,
  tokens: Tensor,
  relative: number,
): Equality {
  let maxAbsDifference = 0;
  let logitScale = 0;
  for (let row = 0; row < tokens.extent(0); row++) {
    ctx.checkpoint();
    const [difference = NaN, scale = NaN] = noGrad(() =>
      scoped(() => {
        const one = sliceOf(tokens, 0, row, row + 1);
        const logits = reference.forward(one); // (1, T, V)
        return maxima([sub(logits, other.forward(one)), logits]);
      }),
    );
    // Math.max keeps a NaN, which then fails the comparison.
    maxAbsDifference = Math.max(maxAbsDifference, difference);
    logitScale = Math.max(logitScale, scale);
  }
  return { maxAbsDifference, logitScale, tolerance: relative * logitScale };
}

function refuseDifference(equality: Equality, what: string, { hint }: { hint: string }): void {
  const { maxAbsDifference, logitScale, tolerance } = equality;
  if (maxAbsDifference <= tolerance) return;
  throw new LoraShearError(
    'CUT_NOT_EQUAL',
    `${what}: largest difference ${maxAbsDifference.toPrecision(3)}, allowed ${tolerance.toPrecision(3)} at logits of ${logitScale.toPrecision(3)}`,
    { hint, facts: { ...equality } },
  );
}
