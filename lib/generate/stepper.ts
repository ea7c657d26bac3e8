// How a model goes on with a text, token by token: from the keys and values of the tokens before, or computing all anew.
import type { Model } from '../models/model.js';
import { KvCache } from '../nn/kv_cache.js';
import { noGrad } from '../tensor/autograd.js';
import { slice } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

export interface Stepper {
  /** Takes the tokens that follow those of earlier calls; gives the logits (V) after the last. */
  step(tokens: readonly number[]): Float32Array;
  dispose(): void;
}

/** Each token goes through the model once, but where the text outgrows `cacheBreak`: then all do once more. */
export function cachedStepper(model: Model, device = 'cpu'): Stepper {
  const cache = new KvCache();
  const all: number[] = [];
  return {
    step(tokens) {
      for (const token of tokens) all.push(token);
      const { cacheBreak } = model;
      const breaks = cacheBreak !== null && cache.length <= cacheBreak && all.length > cacheBreak;
      if (breaks) cache.clear();
      const fresh = all.slice(cache.length);
      return lastLogits(model, fresh, device, (x) => model.hidden(x, { cache }));
    },
    dispose: () => {
      cache.dispose();
    },
  };
}

/** All tokens go through the model at every step: the definition that the other is tested against. */
export function recomputingStepper(model: Model, device = 'cpu'): Stepper {
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
  model: Model,
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
