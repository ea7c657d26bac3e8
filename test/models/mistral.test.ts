import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import { mistral, mistralConfigOf } from '../../lib/models/mistral.js';
import { resizeConfig } from '../../lib/models/sizes.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { longTensor } from '../../lib/tensor/tensor.js';
import { randomConfig, randomLlama, randomWeights } from '../fixtures/random_llama.js';

const shape = { heads: 6, kvHeads: 3, width: 16 };
const config = mistralConfigOf(randomConfig(shape));

t.test('when a llama is described as a mistral, then the same weights compute the same', (t) => {
  const before = tensorCount();
  const llama = randomLlama(shape);
  const model = architectureOf(config).build(config, randomWeights(1));
  t.equal(model.config['model_type'], 'mistral');
  const tokens = longTensor([1, 2, 3, 30], [1, 4]);
  const logits = (m: typeof model): number[] =>
    noGrad(() => scoped(() => m.forward(tokens).toArray()));
  t.same(logits(model), logits(llama));
  t.same([model.vocabulary, model.context], [llama.vocabulary, llama.context]);
  for (const owner of [llama, model, tokens]) owner.dispose();
  t.equal(tensorCount(), before);
  t.end();
});

t.test('when a mistral is resized, then it stays one, with the new widths', (t) => {
  const sizes = { heads: 4, kvHeads: 2, channels: 5 };
  const layers = [0, 1].map((from) => ({ from, sizes, skip: [] }));
  t.same(resizeConfig(config, mistral.sizes, { layers, headDim: 4 }), {
    ...config,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 5,
  });
  t.end();
});

t.test('when the window is no number of tokens, then the config is refused', (t) => {
  const changed = { ...config, sliding_window: 'wide' };
  t.throws(() => mistral.build(changed, randomWeights(1)), { code: 'CHECKPOINT_INVALID' });
  t.end();
});

t.test('when the window hides tokens, then they do not matter', (t) => {
  const model = mistral.build({ ...config, sliding_window: 2 }, randomWeights(1));
  const last = (ids: number[]): number[] => {
    const tokens = longTensor(ids, [1, ids.length]);
    const logits = noGrad(() => scoped(() => model.forward(tokens).toArray()));
    tokens.dispose();
    return logits.slice(-32);
  };
  // two layers of two tokens each: the last token sees three
  t.same(last([5, 6, 7, 8]), last([9, 6, 7, 8]));
  t.notSame(last([5, 6, 7, 8]), last([5, 9, 7, 8]));
  model.dispose();
  t.end();
});
