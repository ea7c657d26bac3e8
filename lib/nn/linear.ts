// y = x·Wᵀ + b, with an optional LoRA branch s·(x·Aᵀ)·Bᵀ and an optional gate on its inputs.
import { add, add_, linear, mul, scale, to, transpose } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';
import { loraLinear, mayFuse } from '../tensor/fused.js';
import { fastLinear } from './fast_linear.js';
import { Module } from './module.js';
import type { WeightSource } from './weight_source.js';

/** A low-rank update ΔW = scale·B·A; A (r, in), B (out, r). */
export interface Lora {
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
  /** What A sees instead of x (…, in): dropout, which gives x back unless it is training. Not owned. */
  readonly dropout?: { readonly training: boolean; forward(x: Tensor): Tensor } | null;
}

/** How the weight is stored: (out, in) as nearly everywhere, or (in, out) as GPT-2's Conv1D. */
export type Layout = 'out-in' | 'in-out';

export class Linear extends Module {
  readonly weight: Tensor; // (out, in), or (in, out) by its layout
  readonly bias: Tensor | null; // (out)
  #lora: Lora | null = null;
  readonly #onCpu: boolean;
  readonly #fuses: boolean; // loraLinear is for its device
  #mixed = false; // factors of another type than the weight's
  /** 0/1 per input feature: gated units do not reach this layer. Not owned (knowledge analysis sets it). */
  gate: Tensor | null = null;
  /** The same per output feature. */
  outputGate: Tensor | null = null;
  /** Sees the inputs (…, in) of every forward while it is set (calibration sets it). */
  observer: ((x: Tensor) => void) | null = null;

  constructor(
    weights: WeightSource,
    readonly inFeatures: number,
    readonly outFeatures: number,
    bias = false,
    readonly layout: Layout = 'out-in',
  ) {
    super();
    const shape = layout === 'out-in' ? [outFeatures, inFeatures] : [inFeatures, outFeatures];
    this.weight = this.own('weight', weights('weight', shape));
    this.bias = bias ? this.own('bias', weights('bias', [outFeatures])) : null;
    this.#onCpu = this.weight.device === 'cpu';
    this.#fuses = this.#onCpu || this.weight.device.startsWith('cuda');
  }

  get lora(): Lora | null {
    return this.#lora;
  }

  /** Takes ownership of the factors (or gives them up, with null; the caller disposes them). */
  set lora(lora: Lora | null) {
    this.disown('lora_A.weight');
    this.disown('lora_B.weight');
    this.#lora = lora;
    this.#mixed = lora !== null && lora.A.dtype !== this.weight.dtype;
    if (lora) {
      this.own('lora_A.weight', lora.A);
      this.own('lora_B.weight', lora.B);
    }
  }

  /** Whether it computes x·Wᵀ + b of a weight (out, in), and nobody watches. */
  get isPlain(): boolean {
    const { layout, gate, outputGate, observer } = this;
    return layout === 'out-in' && !(this.#lora ?? gate ?? outputGate ?? observer);
  }

  /** Its LoRA branch, where loraLinear computes the layer now, and nobody watches. */
  get fusedLora(): Lora | null {
    const { gate, outputGate, observer } = this;
    return (gate ?? outputGate ?? observer) ? null : this.#fusedLora();
  }

  /** The weight as (out, in), whatever way it is stored: a view, so that what writes to it writes to the weight. */
  get matrix(): Tensor {
    return this.layout === 'out-in' ? this.weight : transpose(this.weight, 0, 1);
  }

  /** W ← W + delta (out, in), in place. */
  addDelta(delta: Tensor): void {
    add_(this.matrix, delta);
  }

  /** x (…, in) → (…, out). Factors of another type compute in theirs, as in PEFT; in the type of x on a GPU. */
  forward(x: Tensor): Tensor {
    if (this.gate) x = mul(x, this.gate);
    this.observer?.(x);
    const y = this.#computed(x);
    return this.outputGate ? mul(y, this.outputGate) : y;
  }

  #fusedLora(): Lora | null {
    const lora = this.#lora;
    return lora && !lora.dropout?.training && this.#fuses && mayFuse() ? lora : null;
  }

  #computed(x: Tensor): Tensor {
    const lora = this.#lora;
    const fused = this.#fusedLora();
    if (fused) return loraLinear(x, this.matrix, this.bias, fused.A, fused.B, fused.scale);
    const y = fastLinear(x, this.matrix, this.bias, this.#onCpu);
    if (!lora) return y;
    const { A, B, scale: s, dropout } = lora;
    let h = this.#mixed ? to(x, x.device, A.dtype) : x;
    if (dropout) h = dropout.forward(h);
    const sum = add(y, scale(linear(linear(h, A), B), s)); // W·x + s·B·(A·x)
    return this.#mixed ? to(sum, sum.device, y.dtype) : sum;
  }
}
