import t from 'tap';
import { cachedStepper, recomputingStepper } from '../../lib/generate/stepper.js';
import type { Model } from '../../lib/models/model.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { relativeGap } from '../fixtures/family_model.js';
import { randomLlama } from '../fixtures/random_llama.js';

t.test('when logits are asked for, then they are those after the last token', (t) => {
  using model = randomLlama();
  using tokens = longTensor([3, 1, 4], [1, 3]);
  using all = noGrad(() => model.forward(tokens));
  const last = all.toArray().slice(-model.vocabulary);
  for (const stepper of [recomputingStepper(model), cachedStepper(model)]) {
    const found = stepper.step([3, 1, 4]);
    t.equal(found.length, model.vocabulary);
    t.ok(relativeGap([...found], last) < 1e-5);
    stepper.dispose();
  }
  t.end();
});

/** Lengths of the passes with a cache. */
function watched(model: Model): number[] {
  const passed: number[] = [];
  const { hidden } = model;
  model.hidden = (tokens, pass) => {
    if (pass?.cache) passed.push(tokens.extent(1));
    return hidden.call(model, tokens, pass);
  };
  return passed;
}

t.test('when tokens go through a model once, then the logits are those of all anew', (t) => {
  const before = tensorCount();
  const model = randomLlama();
  const passed = watched(model);
  const [cached, anew] = [cachedStepper(model), recomputingStepper(model)];
  for (const tokens of [[3, 1, 4], [1], [5, 9], [2]]) {
    t.ok(relativeGap([...cached.step(tokens)], [...anew.step(tokens)]) < 1e-5);
  }
  t.strictSame(passed, [3, 1, 2, 1]);
  cached.dispose();
  anew.dispose();
  model.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test(
  'when a text outgrows the break of a model’s cache, then all goes through once more',
  (t) => {
    using model = randomLlama();
    Object.assign(model, { cacheBreak: 5 });
    const passed = watched(model);
    const [cached, anew] = [cachedStepper(model), recomputingStepper(model)];
    for (const tokens of [[3, 1, 4, 1], [5], [9], [2]]) {
      t.ok(relativeGap([...cached.step(tokens)], [...anew.step(tokens)]) < 1e-5);
    }
    t.strictSame(passed, [4, 1, 6, 1]);
    cached.dispose();
    const long = cachedStepper(model);
    long.step([3, 1, 4, 1, 5, 9]);
    long.step([2]);
    t.strictSame(passed.slice(4), [6, 1], 'longer from the beginning');
    long.dispose();
    t.end();
  },
);
