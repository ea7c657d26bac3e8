// AdamW over named tensors through libtorch's fused kernel, with moments that can be saved and reset.
import { noGrad } from '../tensor/autograd.js';
import { full, zero_, zeros } from '../tensor/ops.js';
import { foreachAdd_, foreachShift_, fusedAdamW } from '../tensor/optimizer_ops.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
}

/** First and second moment of one parameter, shaped like it. */
export interface Moments {
  readonly m: Tensor;
  readonly v: Tensor;
}

/** A learning rate () as the kernel on `device` reads it: in float64 on the CPU, in float32 elsewhere. */
export const rateOn = (device: string, rate: number): Tensor =>
  full([], rate, device === 'cpu' ? 'float64' : 'float32', device);

/** Owns its moments; the parameters stay their model's. */
export class AdamW {
  readonly #names: readonly string[];
  readonly #parameters: readonly Tensor[];
  readonly #m: readonly Tensor[];
  readonly #v: readonly Tensor[];
  readonly #steps: readonly Tensor[];
  readonly #options: Required<AdamWOptions>;

  constructor(parameters: ReadonlyMap<string, Tensor>, options: AdamWOptions = {}) {
    this.#options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, ...options };
    this.#names = [...parameters.keys()];
    this.#parameters = [...parameters.values()];
    const like = (): Tensor[] =>
      this.#parameters.map((p) => keep(zeros(p.shape, p.dtype, p.device)));
    this.#m = like();
    this.#v = like();
    this.#steps = this.#parameters.map((p) => keep(full([], 0, 'float32', p.device)));
  }

  get parameters(): readonly Tensor[] {
    return this.#parameters;
  }

  /** Moments of the parameter called `name`, to be edited in place; undefined if it is not trained. */
  moments(name: string): Moments | undefined {
    const i = this.#names.indexOf(name);
    const m = this.#m[i];
    const v = this.#v[i];
    return m && v ? { m, v } : undefined;
  }

  /**
   * One step with learning rate `lr`, a number or {@link rateOn} their device; parameters without a gradient stay as they are, and so does everything where `skip`,
   * () float32 on the device of the parameters, is 1.
   */
  step(lr: number | Tensor, skip: Tensor | null = null): void {
    const { beta1, beta2, eps, weightDecay } = this.#options;
    noGrad(() => {
      scoped(() => {
        const grads = this.#parameters.map((p) => p.grad);
        const live = grads.flatMap((g, i) => (g ? [i] : []));
        const pick = (list: readonly Tensor[]): Tensor[] => live.map((i) => list[i] as Tensor);
        if (live.length === 0) return;
        const steps = pick(this.#steps);
        foreachShift_(steps, 1); // on their device: reading one would wait for it
        if (skip) foreachAdd_(steps, skip, -1);
        const g = live.map((i) => grads[i] as Tensor);
        const rate = typeof lr === 'number' ? rateOn(steps[0]?.device ?? 'cpu', lr) : lr;
        fusedAdamW(
          pick(this.#parameters),
          g,
          pick(this.#m),
          pick(this.#v),
          [],
          steps,
          rate,
          beta1,
          beta2,
          weightDecay,
          eps,
          false,
          false,
          null,
          skip,
        );
      });
    });
  }

  /** Forgets all moments and step counts (after a merge, what they described is gone). */
  reset(): void {
    noGrad(() => {
      scoped(() => {
        for (const t of [...this.#m, ...this.#v, ...this.#steps]) zero_(t);
      });
    });
  }

  /** All state by name, for a checkpoint. */
  *state(): Generator<[string, Tensor]> {
    for (const [i, name] of this.#names.entries()) {
      yield [`adamw.m.${name}`, this.#m[i] as Tensor];
      yield [`adamw.v.${name}`, this.#v[i] as Tensor];
      yield [`adamw.step.${name}`, this.#steps[i] as Tensor];
    }
  }

  dispose(): void {
    for (const t of [...this.#m, ...this.#v, ...this.#steps]) t.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
