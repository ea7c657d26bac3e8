import t from 'tap';
import { sliceList } from '../../lib/lhspg/slice_list.js';
import { chosenSlices } from '../../lib/lhspg/units.js';
import { loraParameters } from '../../lib/lora/lora.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { AdamW } from '../../lib/train/adamw.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';

const chosen = new Map([
  ['layers.0.self_attn.heads', [1]],
  ['layers.1.mlp.channels', [2, 7]],
]);

t.test(
  'when slices are listed, then each base tensor has its factors, its indices and its units as groups',
  (t) => {
    const model = randomLlama({ rank: 2, biases: true }); // 2 kv heads of 4, 2 query heads each
    const optimizer = new AdamW(loraParameters(model));
    const count = tensorCount();
    scoped(() => {
      const slices = chosenSlices(handPartition(model), chosen);
      const { list, groups, scale } = sliceList(model, slices, optimizer);
      t.equal(groups, 3, 'one head, two channels');
      t.equal(scale, 2);
      const names = new Map([...model.parameters()].map(([name, tensor]) => [tensor.handle, name]));
      const path = list.x.map(({ handle }) =>
        names.get(handle)?.replace(/model\.layers\.|_proj/g, ''),
      );
      t.strictSame(path, [
        '0.self_attn.q.weight',
        '0.self_attn.q.bias',
        '0.self_attn.k.weight',
        '0.self_attn.k.bias',
        '0.self_attn.v.weight',
        '0.self_attn.v.bias',
        '0.self_attn.o.weight',
        '1.mlp.gate.weight',
        '1.mlp.gate.bias',
        '1.mlp.up.weight',
        '1.mlp.up.bias',
        '1.mlp.down.weight',
      ]);
      t.strictSame([...list.axis], [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
      t.strictSame(
        list.index.map((x) => x.toArray()),
        [
          [8, 9, 10, 11, 12, 13, 14, 15],
          [8, 9, 10, 11, 12, 13, 14, 15],
          ...Array<number[]>(4).fill([4, 5, 6, 7]),
          [8, 9, 10, 11, 12, 13, 14, 15],
          ...Array<number[]>(5).fill([2, 7]),
        ],
      );
      t.strictSame(
        list.group.map((x) => [...new Set(x.toArray())]),
        [...Array<number[]>(7).fill([0]), ...Array<number[]>(5).fill([1, 2])],
      );
      list.x.forEach((x, k) => {
        const name = names.get(x.handle) ?? '';
        const bias = name.endsWith('bias');
        t.equal(list.loraB[k]?.size === 0, bias, `${name}: a bias has no factors`);
        t.equal(list.loraA[k]?.size === 0, bias);
        const owner = (list.axis[k] === 0 ? list.loraB : list.loraA)[k];
        for (const moment of [list.moments[2 * k], list.moments[2 * k + 1]]) {
          t.strictSame(
            moment?.shape,
            owner?.shape,
            `${name}: moments of the factor that is zeroed`,
          );
        }
      });
    });
    t.equal(tensorCount(), count);
    optimizer.dispose();
    model.dispose();
    t.end();
  },
);

t.test('when the model has no LoRA, then the factors are empty and the scale is one', (t) => {
  const model = randomLlama();
  scoped(() => {
    const { list, scale } = sliceList(model, chosenSlices(handPartition(model), chosen));
    t.equal(scale, 1);
    t.ok([...list.loraB, ...list.loraA, ...list.moments].every(({ size }) => size === 0));
    t.equal(list.x.length, 7);
  });
  model.dispose();
  t.end();
});
