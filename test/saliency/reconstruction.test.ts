import t from 'tap';
import type { NodeGroup } from '../../lib/groups/group.js';
import { sliceIndices } from '../../lib/groups/slice_indices.js';
import { reconstruction } from '../../lib/saliency/reconstruction.js';
import { consumersOf } from '../../lib/saliency/saliency.js';
import { tensorFrom } from '../../lib/tensor/tensor.js';
import {
  type Matrix,
  cell,
  matrixOf,
  pick,
  plus,
  product,
  ridged,
  solved,
  transposed,
} from '../fixtures/plain_algebra.js';
import { type Scoring, effectiveWeight, scoring } from '../fixtures/scoring.js';

/** Least tr(Δ·H·Δᵀ) over all Δ that undo the columns R of W: the other columns are solved anew. */
function error(W: Matrix, H: Matrix, R: readonly number[]): number {
  if (R.length === 0) return 0;
  const S = H.map((_, j) => j).filter((j) => !R.includes(j));
  const told = S.length === 0 ? null : solved(pick(H, S, S), pick(H, S, R)); // (|S|, |R|)
  // what remains of H_RR once the others tell what they can
  const rest = told ? plus(pick(H, R, R), product(pick(H, R, S), told), -1) : pick(H, R, R);
  const removed = pick(W, null, R);
  const spent = product(product(removed, rest), transposed(removed));
  return spent.reduce((sum, _, i) => sum + cell(spent, i, i), 0);
}

interface Plain {
  order: number[];
  spent: number[];
  /** of those never removed: what removing it next would cost in all */
  next: Map<number, number>;
}

function greedy(
  { model, statistics }: Scoring,
  group: NodeGroup,
  gone: readonly number[],
  limit: number,
): Plain {
  const [consumer] = consumersOf(group);
  const { slice, path } = consumer!;
  const W = effectiveWeight(model, path);
  const H = ridged(matrixOf(statistics.get(path)!.gram));
  const features = (units: readonly number[]): number[] =>
    units.flatMap((u) => sliceIndices(slice, group.units, u));
  const left = Array.from({ length: group.units }, (_, u) => u).filter((u) => !gone.includes(u));
  const order: number[] = [];
  const spent: number[] = [];
  const costOf = (u: number): number => error(W, H, features([...gone, ...order, u]));
  while (order.length < limit) {
    const open = left.filter((u) => !order.includes(u));
    const costs = open.map(costOf);
    const least = Math.min(...costs);
    order.push(open[costs.indexOf(least)] as number);
    spent.push(least);
  }
  return {
    order,
    spent,
    next: new Map(left.filter((u) => !order.includes(u)).map((u) => [u, costOf(u)])),
  };
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-4 * Math.abs(b);

t.test(
  'when units are taken out one by one, then costs and order are those of solving the rest anew each time',
  (t) => {
    const s = scoring();
    for (const group of s.input.groups) {
      const limit = group.kind === 'attention_heads' ? 2 : 5;
      const limits = new Map([[group.id, limit]]);
      const scores = reconstruction({ ...s.input, groups: [group], limits }).get(group.id);
      const { order, spent, next } = greedy(s, group, [], limit);
      const ranked = Array.from({ length: group.units }, (_, u) => u).sort(
        (a, b) => scores![a]! - scores![b]!,
      );
      t.strictSame(ranked.slice(0, limit), order, `${group.id}: the same units in the same order`);
      order.forEach((u, i) =>
        t.ok(near(scores![u]!, spent[i]!), `${group.id} ${u}: ${scores![u]}, ${spent[i]}`),
      );
      for (const [u, cost] of next)
        t.ok(near(scores![u]!, cost), `${group.id} ${u} would be next: ${scores![u]}, ${cost}`);
    }
    s.dispose();
    t.end();
  },
);

t.test('when no limit is given, then all units but the last are ranked', (t) => {
  const s = scoring();
  const group = s.input.groups[1]!;
  const scores = reconstruction({ ...s.input, groups: [group] }).get(group.id)!;
  const { order } = greedy(s, group, [], group.units - 1);
  const ranked = Array.from({ length: group.units }, (_, u) => u).sort(
    (a, b) => scores[a]! - scores[b]!,
  );
  t.strictSame(ranked.slice(0, -1), order);
  t.end();
  s.dispose();
});

t.test('when units are removed already, then the order is that of the rest', (t) => {
  const gone = [1, 6];
  const id = 'layers.0.mlp.channels';
  const s = scoring(new Map([[id, gone]]));
  const group = s.input.groups.find((g) => g.id === id)!;
  const scores = reconstruction({ ...s.input, groups: [group], limits: new Map([[id, 4]]) }).get(
    id,
  )!;
  const { order, spent } = greedy(s, group, gone, 4);
  const ranked = Array.from({ length: group.units }, (_, u) => u)
    .filter((u) => !gone.includes(u))
    .sort((a, b) => scores[a]! - scores[b]!);
  t.strictSame(ranked.slice(0, 4), order);
  order.forEach((u, i) => t.ok(near(scores[u]!, spent[i]!)));
  s.dispose();
  t.end();
});

t.test(
  'when one unit repeats another, then one of the two goes first and costs next to nothing',
  (t) => {
    const s = scoring();
    const group = s.input.groups.find(({ id }) => id === 'layers.0.mlp.channels')!;
    const twins = [2, 4];
    const gram = Float64Array.from({ length: 100 }, (_, k) => {
      const [i, j] = [Math.floor(k / 10), k % 10];
      return i === j || (twins.includes(i) && twins.includes(j)) ? 100 : 0;
    });
    const moments = {
      gram: tensorFrom(gram, 'float64', [10, 10]),
      sum: tensorFrom(new Float64Array(10), 'float64', [10]),
      count: 100,
    };
    const statistics = new Map([['model.layers.0.mlp.down_proj', moments]]);
    const limits = new Map([[group.id, 1]]);
    const scores = reconstruction({ ...s.input, groups: [group], statistics, limits }).get(
      group.id,
    )!;
    const first = scores.indexOf(Math.min(...scores));
    t.ok(twins.includes(first), `${first} goes first`);
    scores.forEach((score, u) => {
      if (u !== first) t.ok(score > 5 * scores[first]!, `${u}: ${score} against ${scores[first]}`);
    });
    moments.gram.dispose();
    moments.sum.dispose();
    s.dispose();
    t.end();
  },
);
