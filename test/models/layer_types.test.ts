import t from 'tap';
import { layerTypesOf, windowOf } from '../../lib/models/layer_types.js';

const config = { num_hidden_layers: 3, sliding_window: 5 };
const even = (i: number): boolean => i % 2 === 0;

t.test('when there is a list, then it counts, and else the pattern of the family', (t) => {
  const types = ['full_attention', 'sliding_attention', 'full_attention'];
  t.strictSame(layerTypesOf({ ...config, layer_types: types }, 'X', even), types);
  for (const layer_types of [undefined, null]) {
    t.strictSame(layerTypesOf({ ...config, layer_types }, 'X', even), [
      'sliding_attention',
      'full_attention',
      'sliding_attention',
    ]);
  }
  t.end();
});

t.test('when the list does not fit or names another kind, then it is refused', (t) => {
  const read = (layer_types: unknown) => () => layerTypesOf({ ...config, layer_types }, 'X', even);
  t.throws(read(['full_attention']), { code: 'CHECKPOINT_INVALID', message: /layer_types/ });
  t.throws(read('full_attention'), { code: 'CHECKPOINT_INVALID' });
  t.throws(read(['full_attention', 'linear_attention', 'full_attention']), {
    code: 'CHECKPOINT_UNSUPPORTED',
    message: /'linear_attention'/,
  });
  t.end();
});

t.test('when a layer slides, then it has the window', (t) => {
  t.equal(windowOf(config, 'X', 'sliding_attention'), 5);
  t.equal(windowOf(config, 'X', 'full_attention'), null);
  t.equal(windowOf({ ...config, sliding_window: null }, 'X', 'sliding_attention'), null);
  t.throws(() => windowOf({ sliding_window: -1 }, 'X', 'sliding_attention'), {
    code: 'CHECKPOINT_INVALID',
  });
  t.end();
});
