import { Attention } from '../../lib/nn/attention.js';
import { PackedAttention } from '../../lib/nn/packed_attention.js';
import { Pass } from '../../lib/nn/pass.js';
import { RotationTable, fixedFrequencies, inverseFrequencies } from '../../lib/nn/rope.js';
import type { WeightSource } from '../../lib/nn/weight_source.js';
import { zeros } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const [C, H, K, D] = [6, 4, 2, 4];
const shape = { width: C, heads: H, kvHeads: K, headDim: D, bias: true, layer: 0 };

/** Rows (n, width) of a projection, a bias being one number wide; those of other names differ. */
const rowsOf = (seed: number, n: number, width: number): number[][] => {
  const values = Array.from(randomNumbers(seed, n * width));
  return Array.from({ length: n }, (_, i) => values.slice(i * width, (i + 1) * width));
};

function parts(width: number): Record<string, number[][]> {
  return {
    q: rowsOf(width, H * D, width),
    k: rowsOf(width + 50, K * D, width),
    v: rowsOf(width + 90, K * D, width),
  };
}

/** Rows of q, k and v in `groups` blocks. */
function packed({ q, k, v }: Record<string, number[][]>, groups: number): number[][] {
  return Array.from({ length: groups }, (_, g) =>
    [q!, k!, v!].flatMap((rows) => {
      const size = rows.length / groups;
      return rows.slice(g * size, (g + 1) * size);
    }),
  ).flat();
}

const out = rowsOf(7, C, H * D);

const transposed = (rows: number[][]): number[][] => rows[0]!.map((_, j) => rows.map((r) => r[j]!));

for (const [groups, layout, how] of [
  [1, 'out-in', 'all queries, all keys, all values'],
  [K, 'out-in', 'one kv head after the other'],
  [1, 'in-out', 'all queries, all keys, all values in the columns of a Conv1D'],
] as const) {
  test(`when a projection holds ${how}, then attention is that of three projections`, (t) => {
    const table = new RotationTable(fixedFrequencies(inverseFrequencies(D, 100)));
    const given = (rows: number[][], size: readonly number[]) =>
      floatTensor(
        (layout === 'in-out' && size.length === 2 ? transposed(rows) : rows).flat(),
        size,
      );
    const one: WeightSource = (name, size) => {
      const width = name.endsWith('bias') ? 1 : C;
      if (name.startsWith('dense')) return given(width === 1 ? rowsOf(9, C, 1) : out, size);
      return given(packed(parts(width), groups), size);
    };
    const three: WeightSource = (name, size) => {
      const width = name.endsWith('bias') ? 1 : C;
      if (name.startsWith('o'))
        return floatTensor((width === 1 ? rowsOf(9, C, 1) : out).flat(), size);
      return floatTensor(parts(width)[name[0]!]!.flat(), size);
    };
    const whole = new PackedAttention(
      one,
      { ...shape, groups, layout },
      {
        names: ['qkv', 'dense'],
        rotations: table,
      },
    );
    const split = new Attention(three, shape, {
      names: ['q', 'k', 'v', 'o'],
      rotations: table,
    });
    const pass = new Pass(zeros([2, 5]), 'float32');
    const x = floatTensor(Array.from(randomNumbers(42, 2 * 5 * C)), [2, 5, C]);
    const y = whole.forward(x, pass);
    t.same(y.shape, [2, 5, C]);
    t.ok(distance(y.toArray(), split.forward(x, pass).toArray()) < 1e-6);
    table.dispose();
  });
}
