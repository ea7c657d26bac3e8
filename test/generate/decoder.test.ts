import t from 'tap';
import {
  type Cache,
  type CachingModel,
  cachedDecoder,
  recomputingDecoder,
} from '../../lib/generate/decoder.js';
import { cat, slice } from '../../lib/tensor/ops.js';
import { longTensor, type Tensor } from '../../lib/tensor/tensor.js';
import { keep, tensorCount } from '../../lib/tensor/scope.js';
import { randomLlama } from '../fixtures/random_llama.js';

/** Keeps the tokens, so that a model without a cache can play one with. */
class TokenCache implements Cache {
  tokens: Tensor | undefined;
  dispose(): void {
    this.tokens?.dispose();
  }
}

t.test('when tokens go on, then a decoder with a cache and one without agree', (t) => {
  const before = tensorCount();
  const model = randomLlama();
  const passed: number[] = [];
  const caching: CachingModel<TokenCache> = {
    head: (hidden) => model.head(hidden),
    hidden(tokens, pass) {
      passed.push(tokens.extent(1));
      const { cache } = pass ?? {};
      if (!cache) throw new Error('no cache');
      const all = keep(cat([...(cache.tokens ? [cache.tokens] : []), tokens], 1));
      cache.tokens?.dispose();
      cache.tokens = all;
      const T = all.extent(1);
      return slice(model.hidden(all), 1, T - tokens.extent(1), T);
    },
  };
  const cached = cachedDecoder(caching, new TokenCache());
  const anew = recomputingDecoder(model);
  for (const tokens of [[3, 1, 4], [1], [5, 9], [2]]) {
    t.strictSame([...cached.step(tokens)], [...anew.step(tokens)]);
  }
  t.strictSame(passed, [3, 1, 2, 1], 'each token once');
  cached.dispose();
  anew.dispose();
  model.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when logits are asked for, then they are those after the last token', (t) => {
  using model = randomLlama();
  using tokens = longTensor([3, 1, 4], [1, 3]);
  using all = model.forward(tokens);
  const last = all.toArray().slice(-model.vocabulary);
  const found = recomputingDecoder(model).step([3, 1, 4]);
  t.equal(found.length, model.vocabulary);
  t.ok(found.every((x, i) => Math.abs(x - last[i]!) < 1e-5));
  t.end();
});
