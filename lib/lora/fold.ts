// LoRA folded into the weights for as long as nobody trains: one matrix product less for each linear, and undone exactly.
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Linear, Lora } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { clone, copy_ } from '../tensor/ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { loraDelta } from './lora.js';
import { everyLinear } from './targets.js';

interface FoldedLinear {
  readonly path: string;
  readonly linear: Linear;
  readonly lora: Lora;
  /** The weight as it was. */
  readonly original: Tensor;
}

/** Owns the factors and the original weights while they are folded. */
export class FoldedLora {
  readonly #linears: FoldedLinear[];

  constructor(linears: readonly FoldedLinear[]) {
    this.#linears = [...linears];
  }

  /**
   * Gives every linear its weight back, bit for bit, and its branch. A second call is no error; after the model's own
   * dispose() only what is kept here goes.
   * @throws CONFIG_INVALID when LoRA was attached to a folded model: take it off first
   */
  unfold(): void {
    const occupied = this.#linears.find(({ linear }) => linear.lora !== null);
    if (occupied) {
      const seen = `${occupied.path} was given another LoRA while its first one was folded`;
      throw new LoraShearError('CONFIG_INVALID', seen, { hint: 'take it off before unfolding' });
    }
    noGrad(() => {
      for (const { linear, lora, original } of this.#linears.splice(0)) {
        if (linear.weight.alive) {
          scoped(() => void copy_(linear.weight, original));
          linear.lora = lora;
        } else {
          lora.A.dispose();
          lora.B.dispose();
        }
        original.dispose();
      }
    });
  }

  [Symbol.dispose](): void {
    this.unfold();
  }
}

/**
 * W ← W + s·B·A on every linear with LoRA; its branch is off until unfold(), so that it does not count twice, and
 * `linear.lora` is null meanwhile: nothing is there to train, save or fold again.
 *
 *     using folded = foldLora(model);
 *     evaluate(model);
 *
 * PEFT subtracts when it unmerges, which rounds; the weights kept here cost as much memory as the folded linears'.
 */
export function foldLora(model: Model): FoldedLora {
  return noGrad(() => {
    const folded = [...everyLinear(model)].flatMap(([path, linear]) => {
      const { lora } = linear;
      if (!lora) return [];
      const original = keep(clone(linear.weight));
      scoped(() => linear.addDelta(loraDelta(lora)));
      linear.lora = null;
      return [{ path, linear, lora, original }];
    });
    return new FoldedLora(folded);
  });
}
