import { LayerNormPerHead } from '../../lib/nn/norm_per_head.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

test('when heads are normalised, then each by its own weights', (t) => {
  const [B, H, T, D, eps] = [2, 3, 4, 5, 0.1];
  const weights = new Map<string, number[]>();
  const norm = new LayerNormPerHead(
    (name, shape) => {
      weights.set(name, Array.from(randomNumbers(weights.size + 1, D)));
      return floatTensor(weights.get(name)!, shape);
    },
    D,
    H,
    eps,
  );
  t.strictSame([...weights.keys()], ['norms.0.weight', 'norms.1.weight', 'norms.2.weight']);
  const values = Array.from(randomNumbers(9, B * H * T * D));
  const expected = Array.from({ length: B * H * T }, (_, r) => {
    const row = values.slice(r * D, (r + 1) * D);
    const mean = row.reduce((a, b) => a + b) / D;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / D;
    const w = weights.get(`norms.${Math.floor(r / T) % H}.weight`)!;
    return row.map((x, i) => (w[i]! * (x - mean)) / Math.sqrt(variance + eps));
  }).flat();
  const y = norm.forward(floatTensor(values, [B, H, T, D]));
  t.same(y.shape, [B, H, T, D]);
  t.ok(distance(y.toArray(), expected) < 1e-6);
});
