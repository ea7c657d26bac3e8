// Plain feed-forward: out(act(in(x))).
import type { Tensor } from '../tensor/tensor.js';
import type { Activation } from './activation.js';
import { type Layout, Linear } from './linear.js';
import { Module } from './module.js';
import { type WeightSource, below } from './weight_source.js';

export interface MlpShape {
  readonly width: number; // C
  readonly channels: number; // F
  readonly bias: boolean; // on both
  readonly activation: Activation;
  /** Stored names. */
  readonly names: readonly [into: string, out: string];
  readonly layout?: Layout;
}

export class Mlp extends Module {
  readonly into: Linear;
  readonly out: Linear;

  constructor(
    weights: WeightSource,
    readonly shape: MlpShape,
  ) {
    super();
    const { width, channels, bias, layout, names } = shape;
    const project = (name: string, from: number, to: number): Linear =>
      this.child(name, new Linear(below(weights, name), from, to, bias, layout));
    this.into = project(names[0], width, channels);
    this.out = project(names[1], channels, width);
  }

  /** x (…, C) → (…, C) */
  forward(x: Tensor): Tensor {
    const [inName, outName] = this.shape.names;
    const h = this.shape.activation(this.in(inName, () => this.into.forward(x))); // (…, F)
    return this.in(outName, () => this.out.forward(h));
  }
}
