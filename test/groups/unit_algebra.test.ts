import t from 'tap';
import { createRandom } from '../../lib/data/random.js';
import type { NodeGroup, Partition, Slice } from '../../lib/groups/group.js';
import { partition } from '../../lib/groups/partition.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import type { Model } from '../../lib/models/model.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { scoped } from '../../lib/tensor/scope.js';
import { type Tensor, floatTensor, longTensor } from '../../lib/tensor/tensor.js';
import { copy_ } from '../../lib/tensor/ops.js';
import { trace } from '../../lib/trace/trace.js';
import { randomLlama } from '../fixtures/random_llama.js';

const tokens = Array.from({ length: 12 }, (_, i) => (i * 7 + 3) % 32);

function logits(model: Model): Float32Array {
  return scoped(() => noGrad(() => model.forward(longTensor(tokens, [2, 6])).toFloat32()));
}

/** Multiplies one unit's part of a parameter. */
function multiply(model: Model, group: NodeGroup, slice: Slice, unit: number, by: number): void {
  const parameter = new Map(model.parameters()).get(slice.param) as Tensor;
  const values = parameter.toFloat32();
  const units = new Set(sliceIndices(slice, group.units, unit));
  const below = parameter.shape.slice(slice.dim + 1).reduce((p, e) => p * e, 1);
  for (let i = 0; i < values.length; i++) {
    if (units.has(Math.floor(i / below) % slice.extent)) values[i] = values[i]! * by;
  }
  scoped(() => noGrad(() => copy_(parameter, floatTensor(values, parameter.shape))));
}

function difference(a: Float32Array, b: Float32Array): number {
  const size = a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / size;
}

const variants = [
  { rank: 0, biases: false, tied: true },
  { rank: 3, biases: true, tied: false },
];

/** Every prunable group with one of its units. */
function* unitsOf({ groups }: Partition): Generator<[NodeGroup, number]> {
  const random = createRandom(11);
  for (const group of groups) if (group.prunable) yield [group, random.integer(group.units)];
}

for (const variant of variants) {
  const title = JSON.stringify(variant);
  t.test(
    `when producers of a unit are zero, then zero consumers change nothing (${title})`,
    (t) => {
      const model = randomLlama(variant);
      for (const [group, unit] of unitsOf(partition(trace(model, { device: 'cpu' })))) {
        const before = logits(model);
        for (const slice of group.slices) {
          if (slice.role === 'producer') multiply(model, group, slice, unit, 0);
        }
        const zeroed = logits(model);
        t.ok(difference(before, zeroed) > 1e-3, `${group.id} matters`);
        for (const slice of group.slices) {
          if (slice.role === 'consumer') multiply(model, group, slice, unit, 0);
        }
        t.strictSame(logits(model), zeroed, group.id);
      }
      model.dispose();
      t.end();
    },
  );

  t.test(`when carriers grow by F and consumers shrink by F, then logits stay (${title})`, (t) => {
    const model = randomLlama(variant);
    for (const [group, unit] of unitsOf(partition(trace(model, { device: 'cpu' })))) {
      const before = logits(model);
      const carriers = group.slices.filter(({ carrier }) => carrier);
      t.equal(carriers.length, 1 + (variant.biases ? 1 : 0) + (variant.rank > 0 ? 1 : 0));
      for (const slice of carriers) multiply(model, group, slice, unit, 4);
      t.ok(difference(before, logits(model)) > 1e-3, `${group.id} reads its carriers`);
      for (const slice of group.slices) {
        if (slice.role === 'consumer') multiply(model, group, slice, unit, 1 / 4);
      }
      t.ok(difference(before, logits(model)) < 1e-5, group.id);
    }
    model.dispose();
    t.end();
  });
}
