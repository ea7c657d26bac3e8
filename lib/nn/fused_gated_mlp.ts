// Gated feed-forward whose gate and up projections are one matrix with the rows [gate; up].
import { silu, split } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Activation, gated } from './activation.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { type WeightSource, below } from './weight_source.js';

export interface FusedGatedMlpShape {
  readonly width: number; // C
  readonly channels: number; // F
  readonly bias?: boolean; // on both
  readonly activation?: Activation; // default SiLU
  /** Stored names. */
  readonly names?: readonly [gateUp: string, down: string];
}

export class FusedGatedMlp extends Module {
  readonly gateUp: Linear;
  readonly down: Linear;
  readonly #names: readonly [gateUp: string, down: string];

  constructor(
    weights: WeightSource,
    readonly shape: FusedGatedMlpShape,
  ) {
    super();
    const { width, channels, bias = false, names = ['gate_up_proj', 'down_proj'] } = shape;
    const [gateUp, down] = names;
    this.#names = names;
    this.gateUp = this.child(gateUp, new Linear(below(weights, gateUp), width, 2 * channels, bias));
    this.down = this.child(down, new Linear(below(weights, down), channels, width, bias));
  }

  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor {
    const { channels, activation = silu } = this.shape;
    const fused = this.in(this.#names[0], () => this.gateUp.forward(x)); // (…, 2F)
    const [gate, up] = split(fused, [channels, channels], -1) as [Tensor, Tensor];
    const h = gated(activation, gate, up); // (…, F)
    return this.in(this.#names[1], () => this.down.forward(h));
  }
}
