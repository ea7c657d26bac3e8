import t from 'tap';
import type { Slice } from '../../lib/groups/group.js';
import { consumerPaths, consumersOf, sumByUnit } from '../../lib/saliency/saliency.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';

const slice = (offset: number, outer: number, inner: number): Slice => ({
  param: 'p.weight',
  dim: 1,
  extent: 24,
  ...{ offset, outer, inner },
  role: 'consumer',
  lora: null,
  carrier: false,
});

t.test('when values are summed by unit, then each index counts for the unit that holds it', (t) => {
  const values = Array.from({ length: 24 }, (_, i) => 2 ** i);
  t.strictSame([...sumByUnit(slice(0, 1, 2), 3, values)], [3, 12, 48]);
  t.strictSame([...sumByUnit(slice(4, 1, 2), 2, values)], [48, 192], 'from the offset on');
  t.strictSame([...sumByUnit(slice(0, 2, 1), 3, values)], [1 + 8, 2 + 16, 4 + 32], 'outer repeats');
  t.end();
});

t.test(
  'when consumers are asked for, then they are the base weights that read a group, without LoRA',
  (t) => {
    const model = randomLlama({ rank: 2 });
    const { groups } = handPartition(model);
    t.strictSame(consumerPaths(groups), [
      'model.layers.0.self_attn.o_proj',
      'model.layers.0.mlp.down_proj',
      'model.layers.1.self_attn.o_proj',
      'model.layers.1.mlp.down_proj',
    ]);
    for (const group of groups) {
      t.strictSame(
        consumersOf(group).map(({ slice: s, path }) => [
          s.role,
          s.lora,
          `${path}.weight` === s.param,
        ]),
        [['consumer', null, true]],
      );
    }
    model.dispose();
    t.end();
  },
);
