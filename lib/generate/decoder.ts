// How a model goes on with a text, token by token: with what it kept of the tokens before, or computing all anew.
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { slice } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

export interface Decoder {
  /** Takes the tokens that follow those of earlier calls; gives the logits (V) after the last. */
  step(tokens: readonly number[]): Float32Array;
  dispose(): void;
}

/** The keys and values that a model keeps of the tokens that went through it. */
export interface Cache {
  dispose(): void;
}

/** A model that can go on from a cache. */
export interface CachingModel<C extends Cache> extends Pick<Model, 'head'> {
  /** tokens (B, T), which follow those in the cache → last hidden states (B, T, C) */
  hidden(tokens: Tensor, pass?: { cache?: C | null }): Tensor;
}

/** Each token goes through the model once. Takes `cache` over. */
export function cachedDecoder<C extends Cache>(
  model: CachingModel<C>,
  cache: C,
  device = 'cpu',
): Decoder {
  return {
    step: (tokens) => lastLogits(model, tokens, device, (x) => model.hidden(x, { cache })),
    dispose: () => {
      cache.dispose();
    },
  };
}

/** All tokens go through the model at every step: the definition that the other is tested against. */
export function recomputingDecoder(model: Pick<Model, 'head' | 'hidden'>, device = 'cpu'): Decoder {
  const all: number[] = [];
  return {
    step(tokens) {
      for (const token of tokens) all.push(token);
      return lastLogits(model, all, device, (x) => model.hidden(x));
    },
    dispose: () => undefined,
  };
}

/** The head works on the last position alone. */
function lastLogits(
  model: Pick<Model, 'head'>,
  tokens: readonly number[],
  device: string,
  hidden: (tokens: Tensor) => Tensor,
): Float32Array {
  const T = tokens.length;
  return noGrad(() =>
    scoped(() => {
      const states = hidden(longTensorOn(device, tokens, [1, T])); // (1, T, C)
      return model.head(slice(states, 1, T - 1, T)).toFloat32(); // (1, 1, V)
    }),
  );
}
