import { GatedMlp } from '../../lib/nn/gated_mlp.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

test('when the feed-forward runs, then down(silu(gate(x)) · up(x)) with their biases', (t) => {
  const [C, F] = [3, 4];
  const given = new Map<string, number[]>();
  const mlp = new GatedMlp(
    (name, shape) => {
      const size = shape.reduce((a, b) => a * b, 1);
      given.set(name, Array.from(randomNumbers(given.size + 1, size)));
      return floatTensor(given.get(name)!, shape);
    },
    { width: C, channels: F, bias: true },
  );
  t.same([...given.keys()].sort(), [
    'down_proj.bias',
    'down_proj.weight',
    'gate_proj.bias',
    'gate_proj.weight',
    'up_proj.bias',
    'up_proj.weight',
  ]);
  const linear = (name: string, x: number[]): number[] =>
    given
      .get(`${name}.bias`)!
      .map((b, o) =>
        x.reduce((s, xi, i) => s + given.get(`${name}.weight`)![o * x.length + i]! * xi, b),
      );
  const x = [0.3, -1, 2];
  const up = linear('up_proj', x);
  const hidden = linear('gate_proj', x).map((g, f) => (g / (1 + Math.exp(-g))) * up[f]!);
  const expected = linear('down_proj', hidden);
  t.ok(distance(mlp.forward(floatTensor(x, [1, 1, C])).toArray(), expected) < 1e-6);
});
