// Greedy continuation of a prompt: the text sample that the report shows.
import { type Context, createContext } from '../context.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { argmax, slice } from '../tensor/ops.js';
import { longTensorOn } from '../tensor/placed.js';
import { scoped } from '../tensor/scope.js';

/**
 * At most `count` tokens after `tokens` (at least one), each the model's first choice; ends after `eosId`, which
 * is part of the result. Every step computes the last `model.context` tokens anew: meant for samples, not speed.
 */
export function generateGreedy(
  model: Model,
  tokens: ArrayLike<number>,
  count: number,
  { eosId, ctx = createContext() }: { eosId?: number | undefined; ctx?: Context } = {},
): number[] {
  const all = Array.from(tokens);
  const start = all.length;
  while (all.length - start < count) {
    ctx.checkpoint();
    const next = mostProbable(model, all.slice(-model.context), ctx.device);
    all.push(next);
    if (next === eosId) break;
  }
  return all.slice(start);
}

function mostProbable(model: Model, input: readonly number[], device: string): number {
  return noGrad(() =>
    scoped(() => {
      const T = input.length;
      const hidden = model.hidden(longTensorOn(device, input, [1, T])); // (1, T, C)
      return argmax(model.head(slice(hidden, 1, T - 1, T)), -1).item(); // (1, 1)
    }),
  );
}
