import t from 'tap';
import { unitCost } from '../../lib/groups/cost.js';

const slice = (param: string, dim: number, inner: number, lora: 'A' | 'B' | null = null) => ({
  param,
  dim,
  outer: 1,
  inner,
  lora,
});

t.test(
  'when a unit has rows, columns and bias, then its cost is their elements, without LoRA',
  (t) => {
    const cost = unitCost(4, [
      { slice: slice('w', 0, 3), shape: [12, 5] },
      { slice: slice('b', 0, 3), shape: [12] },
      { slice: slice('v', 1, 3), shape: [7, 12] },
      { slice: slice('A', 1, 3, 'A'), shape: [2, 12] },
    ]);
    t.equal(cost, 3 * 5 + 3 + 7 * 3);
    t.end();
  },
);

t.test('when a matrix loses a row and a column, then their crossing counts once', (t) => {
  const both = [0, 1].map((dim) => ({ slice: slice('w', dim, 1), shape: [6, 6] }));
  t.equal(unitCost(6, both), 11);
  t.end();
});

t.test('when slices belong to one unit each, then those of the first one count', (t) => {
  const cost = unitCost(2, [
    { slice: slice('router', 0, 1), shape: [2, 5] },
    { slice: { ...slice('a', 0, 3), only: 0 }, shape: [3, 5] },
    { slice: { ...slice('b', 0, 4), only: 1 }, shape: [4, 5] },
  ]);
  t.equal(cost, 5 + 3 * 5);
  t.end();
});
