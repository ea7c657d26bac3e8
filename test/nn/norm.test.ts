import { RmsNorm } from '../../lib/nn/norm.js';
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
