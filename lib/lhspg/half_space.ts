// The half-space step on chosen slices (paper eq. 2 and Fig. 3; algorithm.md §3.9), through our own operator.
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { halfSpaceProjection } from '../tensor/kernels.js';
import { scoped } from '../tensor/scope.js';
import type { AdamW } from '../train/adamw.js';
import { sliceList } from './slice_list.js';
import type { ChosenSlice } from './units.js';

export interface HalfSpaceOptions {
  /** Steps left in the period, this one included: λ_g = ‖x_g‖ / remaining, so that the last one ends at zero. */
  readonly remaining: number;
  /** ε of the half-space test. */
  readonly epsilon: number;
  /** Add the LoRA's step u = s·BA to the base before pulling (paper); else the base only shrinks. */
  readonly loraStep: boolean;
  readonly optimizer: AdamW;
}

/** x_g ← Proj(x_g + u_g − λ_g·x_g/‖x_g‖); the factor's rows and their moments become zero. */
export function halfSpaceStep(
  model: Model,
  slices: readonly ChosenSlice[],
  { remaining, epsilon, loraStep, optimizer }: HalfSpaceOptions,
): void {
  if (slices.length === 0) return;
  noGrad(() => {
    scoped(() => {
      const { list, groups, scale } = sliceList(model, slices, optimizer);
      halfSpaceProjection(list, { scale: loraStep ? scale : 0, groups, remaining, epsilon });
    });
  });
}
