// The half-space step on chosen slices (paper eq. 2 and Fig. 3; algorithm.md §3.9), through our own operator.
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { groupStatistics, halfSpaceProjection } from '../tensor/kernels.js';
import { floatTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AdamW } from '../train/adamw.js';
import { type PullRule, lossAwarePull } from './pull.js';
import { sliceList } from './slice_list.js';
import type { ChosenSlice } from './units.js';

export interface HalfSpaceOptions {
  /** Steps left in the period, this one included: λ_g ≥ ‖x_g‖ / remaining, so that the last one ends at zero. */
  readonly remaining: number;
  /** ε of the half-space test. */
  readonly epsilon: number;
  /** Add the LoRA's step u = s·BA to the base before pulling (paper); else the base only shrinks. */
  readonly loraStep: boolean;
  /** Default: linear. */
  readonly pull?: PullRule;
  /** Read back what the step found; costs a wait for the device. */
  readonly report?: boolean;
}

/** What a step found, over all its groups. */
export interface Shrinking {
  /** √Σ‖x_g‖² before the step. */
  readonly norm: number;
  /** Mean λ_g. */
  readonly lambda: number;
  /** Groups that are exactly zero after it. */
  readonly zero: number;
}

/** The step on one choice of slices, whose indices go to the device once. Their model must outlive it. */
export class HalfSpace {
  readonly #prepared: ReturnType<typeof sliceList>;

  readonly device: string;

  constructor(model: Model, slices: readonly ChosenSlice[], optimizer: AdamW) {
    this.device = model.device;
    this.#prepared = scoped(() => {
      const prepared = sliceList(model, slices, optimizer);
      for (const tensor of prepared.made) keep(tensor);
      return prepared;
    });
  }

  /**
   * x_g ← Proj(x_g + u_g − λ_g·x_g/‖x_g‖); the factor's rows and their moments become zero.
   * @returns null where nothing is chosen, or no report is asked for
   */
  step({ remaining, epsilon, loraStep, pull, report }: HalfSpaceOptions): Shrinking | null {
    const { list, groups } = this.#prepared;
    if (list.x.length === 0) return null;
    const scale = loraStep ? this.#prepared.scale : 0;
    return noGrad(() =>
      scoped(() => {
        const least = pull === 'loss_aware' ? this.#leastPulls(scale, remaining) : null;
        const found = halfSpaceProjection(list, {
          ...{ scale, groups, remaining, epsilon },
          ...(least ? { pull: floatTensorOn(this.device, least) } : {}),
        });
        return report === true ? shrinking(found, remaining, least) : null;
      }),
    );
  }

  #leastPulls(scale: number, remaining: number): Float32Array {
    const { list, groups } = this.#prepared;
    const rows = groupStatistics(list, { scale, groups }).toArray();
    return Float32Array.from({ length: groups }, (_, g) => {
      const [squared = 0, inner = 0, step = 0] = rows.slice(3 * g, 3 * g + 3);
      return lossAwarePull({ squared, inner, step }, Math.sqrt(squared) / remaining);
    });
  }

  dispose(): void {
    for (const tensor of this.#prepared.made) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @param found (groups, 2): ‖x_g‖, and whether the group is zero now */
function shrinking(found: Tensor, remaining: number, least: Float32Array | null): Shrinking {
  const rows = found.toArray();
  let [squares, lambdas, zero] = [0, 0, 0];
  const groups = rows.length / 2;
  for (let g = 0; g < groups; g++) {
    const norm = rows[2 * g] ?? 0;
    squares += norm * norm;
    lambdas += Math.max(norm / remaining, least?.[g] ?? 0);
    zero += rows[2 * g + 1] ?? 0;
  }
  return { norm: Math.sqrt(squares), lambda: lambdas / groups, zero };
}
