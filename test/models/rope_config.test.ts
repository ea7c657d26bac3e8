import t from 'tap';
import { ropeOf } from '../../lib/models/rope_config.js';
import { inverseFrequencies } from '../../lib/nn/rope.js';

const context = { max_position_embeddings: 64 };

t.test('when theta is written the old or the new way, then it is read', (t) => {
  const first = (config: object): readonly number[] => ropeOf({ ...context, ...config }, 8).at(5);
  t.same(first({ rope_theta: 5e5 }), inverseFrequencies(8, 5e5));
  const parameters = { rope_type: 'default', rope_theta: 1e6 };
  t.same(first({ rope_parameters: parameters }), inverseFrequencies(8, 1e6));
  t.same(first({ rope_scaling: { rope_type: 'default' } }), inverseFrequencies(8, 1e4));
  t.same(first({ rope_scaling: null, rope_parameters: null }), inverseFrequencies(8, 1e4));
  t.end();
});

t.test('when a scaling is not computed or lacks its numbers, then it is refused', (t) => {
  const rope = (scaling: object) => () => ropeOf({ ...context, rope_scaling: scaling }, 8);
  t.throws(rope({ type: 'dynamic', factor: 2 }), { code: 'CHECKPOINT_UNSUPPORTED', hint: String });
  t.throws(rope({ type: 'linear' }), { code: 'CHECKPOINT_INVALID', message: /'factor'/ });
  t.throws(rope({ rope_type: 'llama3', factor: 8 }), { code: 'CHECKPOINT_INVALID' });
  t.throws(rope({ rope_type: 'longrope', short_factor: [1], long_factor: [1] }), {
    code: 'CHECKPOINT_INVALID',
    message: /4 numbers in 'short_factor'/,
  });
  t.throws(() => ropeOf({ ...context, partial_rotary_factor: 0.4 }, 8), {
    code: 'CHECKPOINT_INVALID',
  });
  t.end();
});
