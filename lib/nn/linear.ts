// y = x·Wᵀ + b, with an optional LoRA branch s·(x·Aᵀ)·Bᵀ and an optional gate on its inputs.
import { add, linear, mul, scale } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

/** A low-rank update ΔW = scale·B·A; A (r, in), B (out, r). */
export interface Lora {
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
}

export class Linear extends Module {
  readonly weight: Tensor; // (out, in)
  readonly bias: Tensor | null; // (out)
  #lora: Lora | null = null;
  /** 0/1 per input feature: gated units do not reach this layer. Not owned (knowledge analysis sets it). */
  gate: Tensor | null = null;
  /** Sees the inputs (…, in) of every forward while it is set (calibration sets it). */
  observer: ((x: Tensor) => void) | null = null;

  constructor(
    weights: WeightSource,
    readonly inFeatures: number,
    readonly outFeatures: number,
    bias = false,
  ) {
    super();
    this.weight = this.own('weight', weights('weight', [outFeatures, inFeatures]));
    this.bias = bias ? this.own('bias', weights('bias', [outFeatures])) : null;
  }

  get lora(): Lora | null {
    return this.#lora;
  }

  /** Takes ownership of the factors (or gives them up, with null; the caller disposes them). */
  set lora(lora: Lora | null) {
    this.disown('lora_A.weight');
    this.disown('lora_B.weight');
    this.#lora = lora;
    if (lora) {
      this.own('lora_A.weight', lora.A);
      this.own('lora_B.weight', lora.B);
    }
  }

  /** x (…, in) → (…, out) */
  forward(x: Tensor): Tensor {
    if (this.gate) x = mul(x, this.gate);
    this.observer?.(x);
    const y = linear(x, this.weight, this.bias);
    if (!this.#lora) return y;
    const { A, B, scale: s } = this.#lora;
    return add(y, scale(linear(linear(x, A), B), s)); // W·x + s·B·(A·x)
  }
}
