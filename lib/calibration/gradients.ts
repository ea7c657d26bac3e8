// What the loss's gradients on calibration text say of each unit: ‖x‖², ⟨x, ∇⟩, ‖∇‖² and the mean of ⟨x, ∇⟩² (algorithm.md §3.5).
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { NodeGroup } from '../groups/group.js';
import { loraDropout, setLoraTraining } from '../lora/lora.js';
import type { Model } from '../models/model.js';
import { enableGrad, grad, noGrad } from '../tensor/autograd.js';
import { add_, scale_, to, zeros } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type TokenBatch, nextTokenLoss } from '../train/language_model_loss.js';
import {
  type TouchedParameter,
  parameterSets,
  productsOf,
  weightsOf,
} from './touched_parameters.js';

/** Of one unit with base weights x (LoRA merged) and the gradient ∇ of the loss in nats per token. */
export interface UnitGradient {
  readonly squared: number; // ‖x‖²
  readonly inner: number; // ⟨x, ∇⟩, ∇ the mean over batches
  readonly gradient: number; // ‖∇‖²
  readonly innerSquares: number; // mean over batches b of ⟨x, ∇_b⟩²
}

/** One entry for each unit: over all its base slices, and over what makes it alone. */
export interface GroupGradients {
  readonly all: readonly UnitGradient[];
  readonly producers: readonly UnitGradient[];
}

export interface GradientOptions {
  /** Most weights whose gradients are held at a time, if no group alone has more. Default 2²⁸. */
  readonly atOnce?: number;
}

/**
 * Gradients of the mean next-token loss with respect to the base weights that the groups' slices touch, as they are
 * computed with: of a linear with LoRA, x is W + s·BA, whose gradient is W's. Every batch counts the same. Sums are
 * float32 whatever the weights' type, and float64 over units.
 *
 * Memory, besides a training step's activations: the gradients of one set of parameters in the weights' type, their sum in
 * float32, and three float32 copies of one parameter. Groups go in sets of at most `atOnce` weights, each a pass over the
 * batches. Nothing requires a gradient afterwards that did not before, and no `grad` is left, also on an abort.
 * @throws PRUNE_DIVERGED when a loss is not finite, DATA_EMPTY without a batch
 */
export function gradientStatistics(
  ctx: Context,
  model: Model,
  groups: readonly NodeGroup[],
  batches: readonly TokenBatch[],
  { atOnce = 2 ** 28 }: GradientOptions = {},
): Map<string, GroupGradients> {
  if (batches.length === 0) {
    throw new LoraShearError('DATA_EMPTY', 'there is no calibration text to take gradients on', {
      hint: 'give calibration text of at least one window',
    });
  }
  const found = new Map<string, GroupGradients>();
  const training = loraDropout(model)?.training ?? false;
  setLoraTraining(model, false);
  try {
    for (const set of parameterSets(model, groups, atOnce)) {
      const sums = new UnitSums(set.groups, batches.length);
      const passes = new Passes(model, set.parameters);
      try {
        for (const batch of batches) {
          ctx.checkpoint();
          passes.add(batch, sums);
        }
        passes.finish(sums);
      } finally {
        passes.dispose();
      }
      for (const { id } of set.groups) found.set(id, sums.of(id));
    }
  } finally {
    setLoraTraining(model, training);
  }
  return found;
}

/** The passes over the batches for one set of parameters. */
class Passes {
  readonly #frozen: readonly Tensor[];
  readonly #sums: readonly Tensor[];

  constructor(
    readonly model: Model,
    readonly parameters: readonly TouchedParameter[],
  ) {
    this.#frozen = parameters.map(({ tensor }) => tensor).filter((x) => !x.requiresGrad);
    this.#sums = parameters.map(({ tensor }) =>
      keep(zeros(tensor.shape, 'float32', tensor.device)),
    );
    for (const tensor of this.#frozen) tensor.requiresGrad = true;
  }

  add(batch: TokenBatch, sums: UnitSums): void {
    scoped(() => {
      const loss = enableGrad(() => nextTokenLoss(this.model, batch));
      refuseNotFinite(loss.item());
      const gradients = grad(
        [loss],
        this.parameters.map(({ tensor }) => tensor),
      );
      noGrad(() => {
        this.parameters.forEach((parameter, i) => {
          const gradient = gradients[i];
          if (!gradient) return; // an expert that no token went to
          scoped(() => {
            const g = to(gradient, gradient.device, 'float32');
            add_(this.#sums[i] as Tensor, g);
            sums.addInner(parameter, productsOf(parameter, weightsOf(parameter), g));
          });
        });
      });
    });
    sums.endBatch();
  }

  /** ‖x‖² and ‖∇‖² of the mean gradient. */
  finish(sums: UnitSums): void {
    noGrad(() => {
      this.parameters.forEach((parameter, i) => {
        scoped(() => {
          const mean = scale_(this.#sums[i] as Tensor, 1 / sums.batches);
          const x = weightsOf(parameter);
          sums.addSquared(parameter, productsOf(parameter, x, x));
          sums.addGradient(parameter, productsOf(parameter, mean, mean));
        });
      });
    });
  }

  dispose(): void {
    for (const tensor of this.#frozen) tensor.requiresGrad = false;
    for (const tensor of this.#sums) tensor.dispose();
  }
}

const parts = ['all', 'producers'] as const;

type Field = keyof UnitGradient | 'now';

/** Sums over units, by group and part; `now` is ⟨x, ∇_b⟩ of the batch that runs. */
class UnitSums {
  readonly #of = new Map<string, Record<Field, Float64Array>>();

  constructor(
    groups: readonly NodeGroup[],
    readonly batches: number,
  ) {
    for (const { id, units } of groups) {
      for (const part of parts) {
        const list = (): Float64Array => new Float64Array(units);
        this.#of.set(`${part} ${id}`, {
          ...{ squared: list(), inner: list(), gradient: list() },
          ...{ innerSquares: list(), now: list() },
        });
      }
    }
  }

  readonly addInner = this.#adder('now');
  readonly addSquared = this.#adder('squared');
  readonly addGradient = this.#adder('gradient');

  /** Adds one number for each index of a dimension to the units of the slices that lie along it. */
  #adder(field: Field) {
    return ({ slices }: TouchedParameter, byDim: ReadonlyMap<number, ArrayLike<number>>): void => {
      for (const { group, slice, sumByUnit } of slices) {
        const own = sumByUnit(byDim.get(slice.dim) ?? []);
        for (const part of slice.role === 'producer' ? parts : (['all'] as const)) {
          const sums = this.#of.get(`${part} ${group.id}`)?.[field];
          own.forEach((x, u) => {
            if (sums) sums[u] = (sums[u] ?? 0) + x;
          });
        }
      }
    };
  }

  endBatch(): void {
    for (const { inner, innerSquares, now } of this.#of.values()) {
      now.forEach((x, u) => {
        inner[u] = (inner[u] ?? 0) + x / this.batches;
        innerSquares[u] = (innerSquares[u] ?? 0) + x ** 2 / this.batches;
      });
      now.fill(0);
    }
  }

  of(id: string): GroupGradients {
    const [all, producers] = parts.map((part): UnitGradient[] => {
      const sums = this.#of.get(`${part} ${id}`);
      const at = (field: Field, u: number): number => sums?.[field][u] ?? NaN;
      return Array.from({ length: sums?.now.length ?? 0 }, (_, u) => ({
        ...{ squared: at('squared', u), inner: at('inner', u) },
        ...{ gradient: at('gradient', u), innerSquares: at('innerSquares', u) },
      }));
    }) as [UnitGradient[], UnitGradient[]];
    return { all, producers };
  }
}

function refuseNotFinite(loss: number): void {
  if (Number.isFinite(loss)) return;
  throw new LoraShearError('PRUNE_DIVERGED', `the loss on calibration text is ${loss}`, {
    hint: 'check that the checkpoint evaluates to finite losses, and that windows have two tokens or more',
    facts: { loss },
  });
}
