// Gated feed-forward: down(act(gate(x)) · up(x)); SwiGLU with act = SiLU.
import { silu } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Activation, gated } from './activation.js';
import { Linear } from './linear.js';
import { linearsOfOne } from './linears_of_one.js';
import { Module } from './module.js';
import { type WeightSource, below } from './weight_source.js';

export interface GatedMlpShape {
  readonly width: number; // C
  readonly channels: number; // F
  readonly bias?: boolean; // on all three
  readonly activation?: Activation; // default SiLU
  /** Stored names. */
  readonly names?: readonly [gate: string, up: string, down: string];
}

export class GatedMlp extends Module {
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
  readonly #names: readonly [gate: string, up: string, down: string];

  constructor(
    weights: WeightSource,
    readonly shape: GatedMlpShape,
  ) {
    super();
    const { width, channels, bias = false } = shape;
    const { names = ['gate_proj', 'up_proj', 'down_proj'] } = shape;
    const project = (name: string, from: number, into: number): Linear =>
      this.child(name, new Linear(below(weights, name), from, into, bias));
    this.#names = names;
    const [gate, up, down] = names;
    this.gate = project(gate, width, channels);
    this.up = project(up, width, channels);
    this.down = project(down, channels, width);
  }

  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor {
    const { activation = silu } = this.shape;
    const [gateName, upName, downName] = this.#names;
    const [gate, up] = linearsOfOne(x, [
      [gateName, this.gate],
      [upName, this.up],
    ]) as [Tensor, Tensor]; // (…, F)
    const h = gated(activation, gate, up);
    return this.in(downName, () => this.down.forward(h));
  }
}
