import t from 'tap';
import { disposeStatistics, inputStatistics } from '../../lib/calibration/input_statistics.js';
import { createContext } from '../../lib/context.js';
import type { GroupKind, NodeGroup } from '../../lib/groups/group.js';
import type { Model } from '../../lib/models/model.js';
import { inputPaths, readersOf } from '../../lib/saliency/readers.js';
import { reconstruction } from '../../lib/saliency/reconstruction.js';
import type { Saliency, SaliencyInput } from '../../lib/saliency/saliency.js';
import { fluctuation } from '../../lib/saliency/fluctuation.js';
import { wanda } from '../../lib/saliency/wanda.js';
import {
  type Matrix,
  matrixOf,
  pick,
  plus,
  product,
  ridged,
  solved,
  transposed,
} from '../fixtures/plain_algebra.js';
import { randomLlama } from '../fixtures/random_llama.js';
import { mixtralConfig, moePartition, randomMoe } from '../fixtures/random_moe.js';
import { structuresOf } from '../fixtures/structures.js';
import { batchOf } from '../fixtures/tiny_training.js';

const features = [0, 1, 2, 3, 4, 5, 6, 7];
const batches = [batchOf(1), batchOf(2)];

/** Runs `fn` with the inputs of everything that reads the groups. */
function withInputs(
  model: Model,
  groups: readonly NodeGroup[],
  fn: (input: SaliencyInput) => void,
): void {
  const statistics = inputStatistics(createContext(), model, inputPaths(model, groups), batches);
  fn({ model, groups, statistics, removed: new Map(), seed: 0 });
  disposeStatistics(statistics);
}

const add = (a: number, b: number): number => a + b;
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-5 * Math.abs(b);
const weight = (model: Model, path: string): Matrix => matrixOf(model.linears().get(path)!.weight);

t.test('when units are experts, then all that lies in each is scored', async (t) => {
  using model = randomMoe(mixtralConfig);
  const group = moePartition(mixtralConfig).groups.find(({ kind }) => kind === 'experts')!;
  t.strictSame(
    readersOf(model, group).map(({ path, slice }) => [
      path.split('experts.')[1],
      slice.only,
      slice.inner,
    ]),
    [0, 1, 2, 3, 4].flatMap((e) => [
      [`${e}.w1`, e, 16],
      [`${e}.w3`, e, 16],
      [`${e}.w2`, e, 6],
    ]),
  );
  withInputs(model, [group], (input) => {
    const told: [Saliency, (w: Matrix, lengths: number[], spread: number[]) => number][] = [
      [
        wanda,
        (w, lengths) =>
          w.flatMap((row) => row.map((x, j) => Math.abs(x) * lengths[j]!)).reduce(add, 0),
      ],
      [
        fluctuation,
        (w, _, spread) => w.flatMap((row) => row.map((x, j) => x * x * spread[j]!)).reduce(add, 0),
      ],
    ];
    for (const [saliency, ofLinear] of told) {
      saliency(input)
        .get(group.id)!
        .forEach((score, e) => {
          let expected = 0;
          for (const { path, slice } of readersOf(model, group)) {
            if (slice.only !== e) continue;
            const { gram, sum, count: n } = input.statistics.get(path)!;
            const squares = matrixOf(gram).map((row, i) => row[i]!);
            const means = sum.toArray().map((x) => x / n);
            const spread = squares.map((x, j) => x / n - means[j]! ** 2);
            expected += ofLinear(weight(model, path), squares.map(Math.sqrt), spread);
          }
          t.ok(near(score, expected), `${e}: ${score}, ${expected}`);
        });
    }
  });
});

/** Least tr(Δ·H·Δᵀ) that undoes the columns R of W, the others solved anew. */
function error(W: Matrix, H: Matrix, R: readonly number[]): number {
  const S = H.map((_, j) => j).filter((j) => !R.includes(j));
  const rest = plus(
    pick(H, R, R),
    product(pick(H, R, S), solved(pick(H, S, S), pick(H, S, R))),
    -1,
  );
  const removed = pick(W, null, R);
  return product(product(removed, rest), transposed(removed)).reduce(
    (sum, row, i) => sum + row[i]!,
    0,
  );
}

t.test('when several linears read a unit, then their errors add up, unit after unit', async (t) => {
  using model = randomLlama({ width: 8, heads: 2, kvHeads: 1, channels: 6 });
  const group = structuresOf(model, ['residual']).groups.find(({ kind }) => kind === 'residual')!;
  const paths = inputPaths(model, [group]);
  t.equal(paths.length, 2 * 5, 'q, k, v, gate and up of two layers');
  withInputs(model, [group], (input) => {
    const parts = paths.map(
      (path) => [weight(model, path), ridged(matrixOf(input.statistics.get(path)!.gram))] as const,
    );
    const cost = (R: number[]): number => parts.reduce((sum, [W, H]) => sum + error(W, H, R), 0);
    const gone: number[] = [];
    const spent: number[] = [];
    while (gone.length < 3) {
      const open = features.filter((u) => !gone.includes(u));
      const costs = open.map((u) => cost([...gone, u]));
      const least = Math.min(...costs);
      gone.push(open[costs.indexOf(least)]!);
      spent.push(least);
    }
    const scores = reconstruction({ ...input, limits: new Map([[group.id, 3]]) }).get(group.id)!;
    gone.forEach((u, i) => t.ok(near(scores[u]!, spent[i]!), `${u}: ${scores[u]}, ${spent[i]}`));
    for (const u of features.filter((u) => !gone.includes(u)))
      t.ok(near(scores[u]!, cost([...gone, u])), `${u}`);
  });
});

t.test(
  'when no token reached an expert, then its channels cost nothing and all is finite',
  async (t) => {
    using model = randomMoe(mixtralConfig);
    const kinds: GroupKind[] = ['expert_channels', 'experts'];
    const groups = moePartition(mixtralConfig).groups.filter(({ kind }) => kinds.includes(kind));
    const one = [{ ids: Int32Array.of(3, 3), batch: 1, length: 2 }];
    const statistics = inputStatistics(createContext(), model, inputPaths(model, groups), one);
    const idle = [...statistics.values()].filter(({ count }) => count === 0);
    t.ok(idle.length > 0, 'some experts see nothing');
    for (const saliency of [wanda, fluctuation, reconstruction]) {
      const scores = saliency({ model, groups, statistics, removed: new Map(), seed: 0 });
      for (const group of groups.filter(({ kind }) => kind === 'expert_channels')) {
        const [{ path }] = readersOf(model, group) as [ReturnType<typeof readersOf>[number]];
        const own = scores.get(group.id)!;
        const seen = statistics.get(path)!.count > 0;
        t.equal(
          own.every((x) => x >= 0 && x < 1e-300),
          !seen,
          group.id,
        );
      }
    }
    disposeStatistics(statistics);
  },
);
