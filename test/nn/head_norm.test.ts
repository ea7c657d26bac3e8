import { HeadNorm } from '../../lib/nn/head_norm.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

test('when heads are normalised, then each by its own mean, variance and weights', (t) => {
  const [B, H, T, D, eps] = [2, 3, 4, 5, 0.1];
  const weight = randomNumbers(1, H * D);
  const norm = new HeadNorm((_name, shape) => floatTensor(weight, shape), D, H, eps);
  const x = randomNumbers(2, B * H * T * D);
  const expected = Array.from(x, (value, n) => {
    const start = n - (n % D);
    const row = Array.from(x.slice(start, start + D));
    const mean = row.reduce((s, v) => s + v, 0) / D;
    const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / D;
    const head = Math.floor(n / (T * D)) % H;
    return (weight[head * D + (n % D)]! * (value - mean)) / Math.sqrt(variance + eps);
  });
  t.ok(distance(norm.forward(floatTensor(x, [B, H, T, D])).toArray(), expected) < 1e-6);
});
