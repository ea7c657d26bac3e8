import t from 'tap';
import { architectureOf } from '../../lib/models/index.js';
import { mistralConfigOf } from '../../lib/models/mistral.js';
import type { RawConfig } from '../../lib/models/model.js';
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
  const resized = architectureOf(config).resize(config, { kvHeads: 2, channels: 5 });
  t.same(resized, {
    ...config,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 5,
  });
  t.end();
});

t.test(
  'when the window hides no token, then it does not matter; else the model is refused',
  (t) => {
    const build = (change: RawConfig): void => {
      const changed = { ...config, ...change };
      architectureOf(changed).build(changed, randomWeights(1)).dispose();
    };
    build({ sliding_window: null });
    build({ sliding_window: 64 });
    build({ sliding_window: 4096 });
    const { sliding_window, ...absent } = config as Record<string, unknown>;
    t.equal(sliding_window, null);
    architectureOf(absent).build(absent, randomWeights(1)).dispose();
    const refused = { code: 'CHECKPOINT_UNSUPPORTED', hint: String };
    t.throws(() => build({ sliding_window: 63 }), refused);
    t.throws(() => build({ sliding_window: 'wide' }), refused);
    const long = { ...absent, max_position_embeddings: 8192 };
    t.throws(
      () => architectureOf(long).build(long, randomWeights(1)),
      refused,
      'an absent window is 4096 in transformers',
    );
    t.end();
  },
);
