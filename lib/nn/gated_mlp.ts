// SwiGLU feed-forward: down(silu(gate(x)) · up(x)).
import { mul, silu } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { type WeightSource, below } from './weight_source.js';

export class GatedMlp extends Module {
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;

  constructor(weights: WeightSource, width: number, channels: number, bias: boolean) {
    super();
    const project = (name: string, from: number, into: number): Linear =>
      this.child(name, new Linear(below(weights, name), from, into, bias));
    this.gate = project('gate_proj', width, channels);
    this.up = project('up_proj', width, channels);
    this.down = project('down_proj', channels, width);
  }

  /** x (B, T, C) → (B, T, C) */
  forward(x: Tensor): Tensor {
    const gate = this.in('gate_proj', () => this.gate.forward(x)); // (B, T, F)
    const up = this.in('up_proj', () => this.up.forward(x)); // (B, T, F)
    const h = mul(silu(gate), up);
    return this.in('down_proj', () => this.down.forward(h));
  }
}
