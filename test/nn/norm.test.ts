import { RmsNorm } from '../../lib/nn/norm.js';
import { to } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';

test('when rows are normalised, then w·x/√(mean(x²) + ε), row by row', (t) => {
  const weight = [1, -2, 0.5];
  const eps = 0.1; // large enough that leaving it out would show
  const norm = new RmsNorm((_name, shape) => floatTensor(weight, shape), 3, eps);
  const rows = [
    [1, 2, 3],
    [-0.1, 0, 0.2],
  ];
  const expected = rows.flatMap((row) => {
    const mean = row.reduce((s, x) => s + x * x, 0) / 3;
    return row.map((x, i) => (weight[i]! * x) / Math.sqrt(mean + eps));
  });
  t.ok(distance(norm.forward(floatTensor(rows.flat(), [2, 3])).toArray(), expected) < 1e-6);
});

test('when weights are stored around 0, then 1 is added, in bfloat16 too without rounding', (t) => {
  const stored = [1 / 512, -1, 0.5];
  const x = floatTensor([1, 2, 3, 3, -1, 2], [2, 3]);
  const plain = new RmsNorm(
    (_n, shape) =>
      floatTensor(
        stored.map((w) => 1 + w),
        shape,
      ),
    3,
    0.1,
  );
  const shifted = new RmsNorm((_n, shape) => floatTensor(stored, shape), 3, 0.1, 1);
  const expected = plain.forward(x);
  t.same(shifted.forward(x).toArray(), expected.toArray());
  const half = new RmsNorm(
    (_n, shape) => to(floatTensor(stored, shape), 'cpu', 'bfloat16'),
    ...([3, 0.1, 1] as const),
  );
  const found = half.forward(to(x, 'cpu', 'bfloat16'));
  t.equal(found.dtype, 'bfloat16');
  t.same(found.toArray(), to(expected, 'cpu', 'bfloat16').toArray());
});
