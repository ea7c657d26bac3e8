import t from 'tap';
import { allSlices, chosenSlices, zeroSlices } from '../../lib/lhspg/units.js';
import { attachLora, detachLora } from '../../lib/lora/lora.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';
import { discovered, snapshot } from '../fixtures/tiny_training.js';
import { matrixOf } from '../fixtures/plain_algebra.js';

t.test(
  'when units are chosen, then every slice of their groups comes with their indices, and no other group',
  (t) => {
    const model = randomLlama();
    const partition = handPartition(model);
    const slices = chosenSlices(
      partition,
      new Map([
        ['layers.1.mlp.channels', [3, 5]],
        ['layers.0.mlp.channels', []],
      ]),
    );
    t.strictSame(
      slices.map(({ slice, indices, units }) => [slice.param, slice.dim, indices, units]),
      [
        ['model.layers.1.mlp.gate_proj.weight', 0, [3, 5], [3, 5]],
        ['model.layers.1.mlp.up_proj.weight', 0, [3, 5], [3, 5]],
        ['model.layers.1.mlp.down_proj.weight', 1, [3, 5], [3, 5]],
      ],
    );
    const [heads] = partition.groups;
    if (!heads) throw new Error('no group');
    t.strictSame(
      allSlices(heads).map(({ indices }) => indices.length),
      heads.slices.map(({ extent }) => extent),
      'all units together are the whole dimension',
    );
    model.dispose();
    t.end();
  },
);

t.test(
  'when slices are zeroed, then exactly these rows and columns are zero, LoRA with them if there is one',
  (t) => {
    for (const lora of [true, false]) {
      const model = randomLlama();
      const partition = discovered(model); // names LoRA's slices too
      attachLora(model, { r: 2, alpha: 2, seed: 1 });
      const before = snapshot(model);
      if (!lora) detachLora(model);
      const slices = chosenSlices(partition, new Map([['layers.0.mlp.channels', [1, 4]]]));
      t.ok(slices.some(({ slice }) => slice.lora === 'A'));
      zeroSlices(model, slices);
      const after = snapshot(model);
      const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
      const mlp = (name: string): string => `model.layers.0.mlp.${name}.weight`;
      const expected = [mlp('gate_proj'), mlp('up_proj'), mlp('down_proj')];
      if (lora) expected.push(mlp('down_proj.lora_A')); // B is zero as it begins
      t.strictSame(changed.sort(), expected.sort());
      const parameters = new Map(model.parameters());
      for (const name of expected) {
        const matrix = matrixOf(parameters.get(name)!);
        const byRow = !name.includes('down_proj');
        matrix.forEach((row, i) => {
          row.forEach((x, j) => {
            t.equal(x === 0, [1, 4].includes(byRow ? i : j));
          });
        });
      }
      model.dispose();
    }
    t.end();
  },
);
