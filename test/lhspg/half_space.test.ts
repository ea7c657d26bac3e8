import t from 'tap';
import type { NodeGroup } from '../../lib/groups/group.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { HalfSpace } from '../../lib/lhspg/half_space.js';
import { type ChosenSlice, chosenSlices } from '../../lib/lhspg/units.js';
import { loraParameters } from '../../lib/lora/lora.js';
import type { Model } from '../../lib/models/model.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { full, copy_ } from '../../lib/tensor/ops.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { AdamW } from '../../lib/train/adamw.js';
import { type PlainMatrix, plainProjection } from '../fixtures/half_space.js';
import { matrixOf } from '../fixtures/plain_algebra.js';
import { handPartition, randomLlama } from '../fixtures/random_llama.js';
import { snapshot } from '../fixtures/tiny_training.js';

const chosen = new Map([
  ['layers.0.self_attn.heads', [1]],
  ['layers.0.mlp.channels', [2, 7]],
  ['layers.1.mlp.channels', [0]],
]);

function setUp(): {
  model: Model;
  optimizer: AdamW;
  slices: ChosenSlice[];
  groups: readonly NodeGroup[];
} {
  const model = randomLlama({ rank: 2, biases: true, seed: 3 });
  const optimizer = new AdamW(loraParameters(model));
  noGrad(() => {
    scoped(() => {
      for (const name of loraParameters(model).keys()) {
        const moments = optimizer.moments(name);
        if (moments) for (const m of [moments.m, moments.v]) copy_(m, full(m.shape, 0.25));
      }
    });
  });
  const partition = handPartition(model);
  return { model, optimizer, slices: chosenSlices(partition, chosen), groups: partition.groups };
}

/** Values of a slice's units: rows of them for dimension 0, columns for 1. */
function valuesOf(model: Model, param: string, dim: number, indices: readonly number[]): number[] {
  const tensor = new Map(model.parameters()).get(param);
  if (!tensor) throw new Error(`no ${param}`);
  if (tensor.shape.length === 1) {
    const all = tensor.toArray();
    return indices.map((i) => all[i] as number);
  }
  const matrix = matrixOf(tensor);
  return dim === 0
    ? indices.flatMap((i) => matrix[i] as number[])
    : matrix.flatMap((row) => indices.map((i) => row[i] as number));
}

t.test(
  'when carriers shrink over T steps, then linearly, to exact zeros, their LoRA and its moments with them',
  (t) => {
    const { model, optimizer, slices } = setUp();
    const carriers = slices.filter(({ slice }) => slice.carrier);
    t.strictSame(
      [...new Set(carriers.map(({ slice }) => slice.param.split('.').at(4)))],
      ['v_proj', 'up_proj'],
    );
    const base = carriers.filter(({ slice }) => slice.lora === null);
    t.ok(
      base.some(({ slice }) => slice.param.endsWith('bias')),
      'biases take part',
    );
    const read = (): number[][] =>
      base.map(({ slice, indices }) => valuesOf(model, slice.param, slice.dim, indices));
    const before = read();
    const others = snapshot(model);
    using walking = new HalfSpace(model, carriers, optimizer);
    const count = tensorCount();
    const T = 7;
    for (let step = 1; step <= T; step++) {
      walking.step({ remaining: T - step + 1, epsilon: 0, loraStep: false });
      read().forEach((values, k) => {
        const worst = Math.max(
          ...values.map((x, i) => Math.abs(x - (1 - step / T) * (before[k]?.[i] ?? NaN))),
        );
        t.ok(worst < 1e-6, `${base[k]?.slice.param} after ${step}: off by ${worst}`);
      });
    }
    t.equal(tensorCount(), count, 'no handle is left');
    t.ok(
      read()
        .flat()
        .every((x) => x === 0),
      'exactly zero at the end',
    );
    for (const { slice, indices } of carriers.filter(({ slice: { lora } }) => lora === 'B')) {
      t.ok(
        valuesOf(model, slice.param, 0, indices).every((x) => x === 0),
        slice.param,
      );
      const moments = optimizer.moments(slice.param);
      for (const m of moments ? [moments.m, moments.v] : []) {
        matrixOf(m).forEach((row, i) => {
          t.ok(row.every((x) => x === (indices.includes(i) ? 0 : 0.25)));
        });
      }
    }
    const touched = new Set(carriers.map(({ slice }) => slice.param));
    const after = snapshot(model);
    for (const name of Object.keys(others)) {
      t.equal(after[name] === others[name], !touched.has(name), name);
    }
    optimizer.dispose();
    model.dispose();
    t.end();
  },
);

for (const [epsilon, remaining] of [
  [0, 5],
  [0, 1],
  [0.9, 5],
  [0.3, 3],
] as const) {
  t.test(
    `when producers take the paper's step with ${remaining} left and epsilon ${epsilon}, then it is that of algorithm §3.9`,
    (t) => {
      const { model, optimizer, slices, groups } = setUp();
      const producers = slices.filter(({ slice }) => slice.role === 'producer');
      const base = producers.filter(({ slice }) => slice.lora === null);
      const parameters = new Map(model.parameters());
      const units = [...chosen].flatMap(([id, list]) => list.map((u) => `${id}/${u}`));
      const plain = base.map(({ group, slice }): PlainMatrix => {
        const weight = parameters.get(slice.param);
        if (!weight) throw new Error(slice.param);
        const path = slice.param.replace(/\.weight$/, '');
        const lora = slice.param.endsWith('weight') ? model.linears().get(path)?.lora : undefined;
        const rows = (chosen.get(group.id) ?? []).flatMap((u) =>
          sliceIndices(slice, group.units, u).map((row) => ({
            row,
            unit: units.indexOf(`${group.id}/${u}`),
          })),
        );
        return {
          shape: weight.shape,
          rank: lora ? 2 : 0,
          axis: 0,
          x: weight.toArray(),
          b: lora?.B.toArray() ?? [],
          a: lora?.A.toArray() ?? [],
          index: rows.map(({ row }) => row),
          group: rows.map(({ unit }) => unit),
        };
      });
      const expected = plainProjection(plain, {
        scale: 2,
        groups: units.length,
        remaining,
        epsilon,
      });
      using walking = new HalfSpace(model, producers, optimizer);
      walking.step({ remaining, epsilon, loraStep: true });
      base.forEach(({ slice }, k) => {
        const found = parameters.get(slice.param)?.toArray() ?? [];
        const worst = Math.max(...found.map((x, i) => Math.abs(x - (expected.x[k]?.[i] ?? NaN))));
        t.ok(worst < 1e-6, `${slice.param}: off by ${worst}`);
      });
      t.equal(
        expected.zero.some(Boolean),
        remaining === 1 || epsilon === 0.9,
        'the case is what it says',
      );
      for (const { slice, indices } of producers.filter(({ slice: { lora } }) => lora === 'B')) {
        t.ok(
          valuesOf(model, slice.param, 0, indices).every((x) => x === 0),
          `${slice.param} is taken up`,
        );
      }
      const consumers = groups.flatMap(({ slices: all }) =>
        all.filter(({ role }) => role === 'consumer'),
      );
      const fresh = randomLlama({ rank: 2, biases: true, seed: 3 });
      for (const { param } of consumers)
        t.equal(snapshot(model)[param], snapshot(fresh)[param], 'consumers stand');
      fresh.dispose();
      optimizer.dispose();
      model.dispose();
      t.end();
    },
  );
}

t.test('when no slice is given, then nothing happens', (t) => {
  const { model, optimizer } = setUp();
  const before = snapshot(model);
  using walking = new HalfSpace(model, [], optimizer);
  t.equal(walking.step({ remaining: 1, epsilon: 0, loraStep: true, report: true }), null);
  t.strictSame(snapshot(model), before);
  optimizer.dispose();
  model.dispose();
  t.end();
});
