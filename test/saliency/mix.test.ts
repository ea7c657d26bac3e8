import t from 'tap';
import { createContext } from '../../lib/context.js';
import type { NodeGroup } from '../../lib/groups/group.js';
import { saliencies } from '../../lib/saliency/index.js';
import { gradientsFor, normaliseByKind, scoreGroups } from '../../lib/saliency/mix.js';
import { saliencyNames } from '../../lib/saliency/names.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { zero_ } from '../../lib/tensor/ops.js';
import { scoped } from '../../lib/tensor/scope.js';
import { scoring } from '../fixtures/scoring.js';
import { batchOf } from '../fixtures/tiny_training.js';
import { flat, withModel } from './lora_moments.js';

const group = (id: string, kind: NodeGroup['kind'], units: number): NodeGroup => ({
  ...{ id, kind, units, layer: 0, slices: [], cost: 1, prunable: true },
});

t.test(
  'when scores are normalised, then all units of a kind have length one together',
  async (t) => {
    const groups = [
      group('a', 'attention_heads', 2),
      group('b', 'attention_heads', 1),
      group('c', 'mlp_channels', 3),
      group('d', 'residual', 2),
    ];
    const scores = new Map([
      ['a', Float64Array.of(1, 2)],
      ['b', Float64Array.of(2)],
      ['c', Float64Array.of(3e200, 0, 4e200)],
      ['d', Float64Array.of(0, 0)],
    ]);
    const found = [...normaliseByKind(scores, groups)].map(([id, own]) => [id, [...own]]);
    t.strictSame(
      found.map(([id]) => id),
      ['a', 'b', 'c', 'd'],
    );
    const expected = [1 / 3, 2 / 3, 2 / 3, 0.6, 0, 0.8, 0, 0];
    found
      .flatMap(([, own]) => own as number[])
      .forEach((x, i) => t.ok(Math.abs(x - expected[i]!) < 1e-15, `${i}: ${x}`));
  },
);

t.test(
  'when one saliency is asked for by name, then its scores are given as they are',
  async (t) => {
    const s = scoring();
    for (const name of saliencyNames)
      t.strictSame(scoreGroups(s.input, name), saliencies[name].score(s.input), name);
    s.dispose();
  },
);

t.test('when several are mixed, then each has its weight, per kind of group', async (t) => {
  const s = scoring();
  const { groups } = s.input;
  const mixed = scoreGroups(s.input, { magnitude: 0.5, wanda: 2 });
  const norms = (name: 'magnitude' | 'wanda', kind: string): number =>
    Math.sqrt(
      groups
        .filter((g) => g.kind === kind)
        .flatMap(({ id }) => [...saliencies[name].score(s.input).get(id)!])
        .reduce((sum, x) => sum + x * x, 0),
    );
  for (const { id, kind } of groups) {
    const [m, w] = (['magnitude', 'wanda'] as const).map((name) =>
      saliencies[name].score(s.input).get(id)!,
    );
    mixed.get(id)!.forEach((score, u) => {
      const expected =
        (0.5 * m![u]!) / norms('magnitude', kind) + (2 * w![u]!) / norms('wanda', kind);
      t.ok(Math.abs(score - expected) < 1e-12, `${id} ${u}`);
    });
  }
  const one = scoreGroups(s.input, { magnitude: 7 });
  const total = flat(one).reduce((sum, x) => sum + x * x, 0);
  t.ok(Math.abs(total - 2 * 49) < 1e-9, 'two kinds, each of length 7');
  s.dispose();
});

t.test(
  'when LoRA has learned nothing, then its forms are refused, alone and in a mixture',
  async (t) => {
    for (const rank of [0, 2]) {
      withModel({ rank }, ({ model, input }) => {
        for (const { lora } of model.linears().values()) {
          if (lora) noGrad(() => scoped(() => void zero_(lora.B)));
        }
        for (const name of ['cosine', 'taylor_first', 'taylor_second'] as const) {
          for (const spec of [name, { magnitude: 1, [name]: 1 }]) {
            t.throws(() => scoreGroups(input, spec), {
              code: 'CONFIG_INVALID',
              hint: new RegExp(`warm.*dense_${name}`),
              facts: { saliency: name },
            });
          }
        }
        t.equal(scoreGroups(input, 'magnitude').size, input.groups.length);
        t.equal(scoreGroups({ ...input, groups: [] }, 'cosine').size, 0);
      });
    }
  },
);

t.test(
  'when a dense form is asked for, then gradients are gathered, and for no other',
  async (t) => {
    const s = scoring();
    const { gradients: _, ...bare } = s.input;
    const batches = [1, 2, 3, 4].map((seed) => batchOf(seed, 4, 16));
    for (const spec of ['dense_cosine', { magnitude: 1, dense_taylor_second: 1 }] as const) {
      const told = gradientsFor(spec, createContext(), s.model, s.input.groups, batches);
      t.strictSame(scoreGroups({ ...bare, ...told }, spec), scoreGroups(s.input, spec));
    }
    t.strictSame(gradientsFor('magnitude', createContext(), s.model, s.input.groups, batches), {});
    s.dispose();
  },
);
