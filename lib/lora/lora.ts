// LoRA on a model: attach to its linears, merge into the base, take off (algorithm.md §1.2, §3.2).
import type { Model } from '../models/model.js';
import type { Linear, Lora } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { empty, matmul, scale, to, uniform_, zero_, zeros } from '../tensor/ops.js';
import { type RandomStream, randomStream } from '../tensor/random.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { LoraDropout } from './dropout.js';
import {
  type LoraSettings,
  attachmentOf,
  checkSettings,
  defaults,
  remember,
  scalingOf,
} from './settings.js';
import { chosenLinears, everyLinear } from './targets.js';

/** Rank, alpha and seed; the rest has PEFT's defaults, on every linear of the blocks. */
export interface LoraOptions extends Partial<LoraSettings> {
  readonly r: number;
  readonly alpha: number;
  /** Of the factors, and of dropout. */
  readonly seed: number;
}

/**
 * Gives the chosen linears factors A ~ U(±1/√in) (r, in) and B = 0 (out, r) that take gradients; nothing else of
 * the model does from then on. Factors that were attached before are disposed.
 * @throws CONFIG_INVALID for a pattern that matches nothing, a rank or a dropout that is none
 */
export function attachLora(model: Model, { seed, ...given }: LoraOptions): void {
  const settings = { ...defaults, ...given };
  checkSettings(settings);
  const keys = [settings.rankPattern, settings.alphaPattern].flatMap(Object.keys);
  const chosen = chosenLinears(model, settings, keys);
  const random = randomStream(seed); // of the CPU, so that a seed means the same factors on every device
  attachFactors(model, settings, chosen, {
    seed,
    factors: (linear, r) => firstFactors(linear, r, random),
  });
}

function firstFactors(linear: Linear, r: number, random: RandomStream): { A: Tensor; B: Tensor } {
  const { device } = linear.weight;
  const bound = 1 / Math.sqrt(linear.inFeatures);
  const draw = (on: string): Tensor => empty([r, linear.inFeatures], 'float32', on);
  const A =
    device === 'meta'
      ? draw('meta')
      : to(uniform_(draw('cpu'), -bound, bound, random.id), device, 'float32');
  return { A, B: zeros([linear.outFeatures, r], 'float32', device) };
}

/** Makes A (r, in) and B (out, r) of the linear at `path`, on its device, in the current scope. */
export type Factors = (linear: Linear, r: number, path: string) => { A: Tensor; B: Tensor };

/** Puts factors on `chosen`, in order, and freezes the rest; what was attached before goes. */
export function attachFactors(
  model: Model,
  settings: LoraSettings,
  chosen: ReadonlyMap<string, Linear>,
  { factors, seed, trainable = true }: { factors: Factors; seed: number; trainable?: boolean },
): void {
  detachLora(model);
  freeze(model);
  const dropout = dropoutOf(model, settings, seed);
  noGrad(() => {
    for (const [path, linear] of chosen) {
      const { r, scale: s } = scalingOf(settings, path);
      scoped(() => {
        const { A, B } = factors(linear, r, path);
        for (const factor of [A, B]) keep(factor).requiresGrad = trainable;
        linear.lora = { A, B, scale: s, dropout };
      });
    }
  });
  remember(model, { settings, dropout });
}

/** Frozen weights take no gradient: backward keeps nothing for them, and no optimiser can find one. */
function freeze(model: Model): void {
  for (const [, parameter] of model.parameters()) {
    if (parameter.requiresGrad) parameter.requiresGrad = false;
  }
}

/** A seed of its own: the first mask must not repeat what the first factors were drawn from. */
function dropoutOf(model: Model, { dropout: p }: LoraSettings, seed: number): LoraDropout | null {
  const { device } = model;
  if (p === 0 || device === 'meta') return null;
  return new LoraDropout(p, (seed ^ 0x5bd1e995) >>> 0, device);
}

/** The model's dropout, whose stream a run saves and restores; null where LoRA has none. */
export const loraDropout = (model: Model): LoraDropout | null =>
  attachmentOf(model)?.dropout ?? null;

/** Switches dropout on for training steps, and off again for evaluation; it is off after attachLora. */
export function setLoraTraining(model: Model, training: boolean): void {
  const dropout = loraDropout(model);
  if (dropout) dropout.training = training;
}

/** All factors by their stored names (`….lora_A.weight`, `….lora_B.weight`), in a fixed order. */
export function loraParameters(model: Model): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const [path, { lora }] of everyLinear(model)) {
    if (!lora) continue;
    found.set(`${path}.lora_A.weight`, lora.A);
    found.set(`${path}.lora_B.weight`, lora.B);
  }
  return found;
}

/** ΔW = s·B·A (out, in), a new tensor in the current scope. */
export function loraDelta({ A, B, scale: s }: Lora): Tensor {
  return noGrad(() => scale(matmul(B, A), s));
}

/** W ← W + s·B·A and B ← 0 on every linear, for good; A stays. The logits do not change. */
export function mergeLora(model: Model): void {
  noGrad(() => {
    for (const linear of everyLinear(model).values()) {
      const { lora } = linear;
      if (!lora) continue;
      scoped(() => {
        linear.addDelta(loraDelta(lora));
        zero_(lora.B);
      });
    }
  });
}

/** Takes the factors off and disposes them; merge first to keep what they learned. */
export function detachLora(model: Model): void {
  for (const linear of everyLinear(model).values()) {
    const { lora } = linear;
    linear.lora = null;
    lora?.A.dispose();
    lora?.B.dispose();
  }
  remember(model, null);
}
