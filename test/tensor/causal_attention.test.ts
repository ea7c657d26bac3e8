// Attention in blocks and its gradients, against libtorch's written-out formula in float64.
import { backward } from '../../lib/tensor/autograd.js';
import { causalAttention, causalAttentionReference } from '../../lib/tensor/causal_attention.js';
import type { DType } from '../../lib/tensor/dtype.js';
import { fromTypedArray } from '../../lib/tensor/from_typed_array.js';
import { clone, mul, sumAll, to, transpose } from '../../lib/tensor/ops.js';
import { type Tensor, floatTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

interface Size {
  readonly what: string;
  /** B, H, K, T, S, D */
  readonly shape: readonly [number, number, number, number, number, number];
  /** First token that each query sees, from its place in its row and its row's number. */
  readonly first?: (token: number, row: number) => number;
}

const segment = (lengths: readonly number[]) => (token: number) => {
  let start = 0;
  for (const length of lengths) {
    if (token < start + length) return start;
    start += length;
  }
  return start;
};

const sizes: readonly Size[] = [
  { what: 'one token', shape: [1, 1, 1, 1, 1, 2] },
  { what: 'a small text', shape: [2, 4, 2, 7, 7, 8] },
  { what: 'a block and a bit', shape: [1, 2, 2, 65, 65, 16] },
  { what: 'heads of the default model', shape: [2, 4, 2, 256, 256, 64] },
  { what: 'odd sizes', shape: [1, 3, 1, 203, 203, 22] },
  { what: 'wide heads', shape: [1, 2, 1, 130, 130, 160] },
  { what: 'more keys than a block meets at once', shape: [1, 2, 1, 70, 1100, 32] },
  { what: 'a long text', shape: [1, 1, 1, 1100, 1100, 32] },
  { what: 'texts in a row', shape: [2, 4, 2, 200, 200, 32], first: segment([3, 64, 1, 90]) },
  {
    what: 'another first token in each row',
    shape: [3, 2, 1, 150, 150, 32],
    first: (token, row) => (row === 1 ? segment([70, 60])(token) : Math.min(row, token)),
  },
  {
    what: 'a window',
    shape: [1, 2, 2, 700, 700, 32],
    first: (token) => Math.max(0, token - 99),
  },
  {
    what: 'first tokens that are no tokens',
    shape: [1, 2, 2, 40, 40, 8],
    first: (token) => (token % 2 === 0 ? -5 : token + 9),
  },
];

let seed = 1;
const random = (shape: readonly number[], dtype: DType): Tensor => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return to(
    floatTensor(
      randomNumbers(seed++, size).map((x) => 4 * x),
      shape,
    ),
    'cpu',
    dtype,
  );
};

const rowsOf = ({ shape: [B, , , T, S], first }: Size): Tensor | null =>
  first
    ? fromTypedArray(
        Int32Array.from({ length: B * T }, (_, i) => first(S - T + (i % T), Math.floor(i / T))),
        [B, T],
        'int32',
      )
    : null;

/** The output and the gradients of q, k and v. */
function results(
  attention: typeof causalAttention,
  given: readonly Tensor[],
  size: Size,
  dtype: DType,
) {
  const leaves = given.map((x) => clone(to(x, 'cpu', dtype)));
  for (const leaf of leaves) leaf.requiresGrad = true;
  const [q, k, v] = leaves.map((leaf) => transpose(leaf, 1, 2)) as [Tensor, Tensor, Tensor];
  const y = attention(q, k, v, rowsOf(size), 0.37);
  seed = 1000;
  const towards = to(random(y.shape, given[0]?.dtype ?? dtype), 'cpu', dtype);
  backward(sumAll(mul(y, towards)));
  return [y, ...leaves.map((leaf) => leaf.grad as Tensor)].map((x) =>
    to(x, 'cpu', 'float64').toArray(),
  );
}

/** Largest difference, as a share of the largest number or of 1: a text of one token has gradients of 0. */
function distance(a: readonly number[], b: readonly number[]): number {
  const greatest = (numbers: readonly number[]): number =>
    numbers.reduce((most, x) => (Math.abs(x) > most || Number.isNaN(x) ? Math.abs(x) : most), 0);
  return greatest(a.map((x, i) => x - (b[i] ?? NaN))) / Math.max(1, greatest(b));
}

/** Largest distance of output and gradients from those in float64. */
function gaps(size: Size, dtype: DType, attention: typeof causalAttention): number[] {
  const [B, H, K, T, S, D] = size.shape;
  seed = 7;
  const given = [
    random([B, T, H, D], dtype),
    random([B, S, K, D], dtype),
    random([B, S, K, D], dtype),
  ];
  const exact = results(causalAttentionReference, given, size, 'float64');
  return results(attention, given, size, dtype).map((x, i) =>
    distance([...x], [...(exact[i] ?? [])]),
  );
}

/** libtorch's own attention of bf16, which serves there, ends with an error on processors with AMX. */
const heldBack = (process.env['ATEN_CPU_CAPABILITY'] ?? 'avx512') !== 'avx512';

for (const size of sizes) {
  test(`when ${size.what} is attended to, then values and gradients are those of the formula`, (t) => {
    for (const [i, gap] of gaps(size, 'float32', causalAttention).entries())
      t.ok(gap < 1e-5, `float32, result ${i}: ${gap}`);
    if (heldBack) return;
    const byLibtorch = gaps(size, 'bfloat16', causalAttentionReference);
    for (const [i, gap] of gaps(size, 'bfloat16', causalAttention).entries()) {
      const theirs = byLibtorch[i] ?? NaN;
      t.ok(gap < 1.5 * theirs + 2e-3, `bf16, result ${i}: ${gap}, libtorch ${theirs}`);
    }
  });
}
