import { Attention } from '../../lib/nn/attention.js';
import { Pass } from '../../lib/nn/pass.js';
import { RotationTable, fixedFrequencies, inverseFrequencies } from '../../lib/nn/rope.js';
import { noGrad } from '../../lib/tensor/autograd.js';
import { zeros } from '../../lib/tensor/ops.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { distance, test } from '../fixtures/no_leak.js';
import { randomNumbers } from '../fixtures/random_llama.js';

const shape = { width: 6, heads: 4, kvHeads: 2, headDim: 4, bias: true, layer: 0 };

/** Attention with seeded weights, the weights, and what disposes it. */
function make(): { layer: Attention; given: Map<string, number[]>; table: RotationTable } {
  const given = new Map<string, number[]>();
  const table = new RotationTable(fixedFrequencies(inverseFrequencies(shape.headDim, 100)));
  const layer = new Attention(
    (name, size) => {
      const count = size.reduce((a, b) => a * b, 1);
      given.set(name, Array.from(randomNumbers(given.size + 3, count)));
      return floatTensor(given.get(name)!, size);
    },
    shape,
    { rotations: table },
  );
  return { layer, given, table };
}

/** One sequence x (T, C) by the definition, in doubles. */
function plain(given: Map<string, number[]>, x: number[][]): number[] {
  const { heads, kvHeads, headDim: D } = shape;
  const linear = (name: string, row: number[]): number[] =>
    given
      .get(`${name}.bias`)!
      .map((b, o) =>
        row.reduce((s, xi, i) => s + given.get(`${name}.weight`)![o * row.length + i]! * xi, b),
      );
  const turn = (row: number[], position: number): number[] =>
    row.map((value, n) => {
      const [head, d] = [Math.floor(n / D), n % D];
      const i = d % (D / 2);
      const angle = position * 100 ** ((-2 * i) / D);
      const pair = row[head * D + ((d + D / 2) % D)]!;
      return value * Math.cos(angle) + (d < D / 2 ? -pair : pair) * Math.sin(angle);
    });
  const q = x.map((row, t) => turn(linear('q_proj', row), t));
  const k = x.map((row, t) => turn(linear('k_proj', row), t));
  const v = x.map((row) => linear('v_proj', row));
  return x.flatMap((_, t) => {
    const joined: number[] = [];
    for (let h = 0; h < heads; h++) {
      const g = Math.floor((h * kvHeads) / heads);
      const weights = Array.from({ length: t + 1 }, (_, s) => {
        let dot = 0;
        for (let d = 0; d < D; d++) dot += q[t]![h * D + d]! * k[s]![g * D + d]!;
        return Math.exp(dot / Math.sqrt(D));
      });
      const total = weights.reduce((a, b) => a + b);
      for (let d = 0; d < D; d++) {
        joined.push(weights.reduce((sum, w, s) => sum + (w / total) * v[s]![g * D + d]!, 0));
      }
    }
    return linear('o_proj', joined);
  });
}

test('when grouped attention with rotations runs, then its definition agrees', (t) => {
  const { layer, given, table } = make();
  const [B, T, C] = [2, 5, shape.width];
  const values = Array.from(randomNumbers(42, B * T * C), (x) => 4 * x);
  const pass = new Pass(zeros([B, T]), 'float32');
  const y = layer.forward(floatTensor(values, [B, T, C]), pass);
  t.same(y.shape, [B, T, C]);
  const rows = Array.from({ length: B * T }, (_, r) => values.slice(r * C, (r + 1) * C));
  const expected = [...plain(given, rows.slice(0, T)), ...plain(given, rows.slice(T))];
  t.ok(distance(y.toArray(), expected) < 1e-5);
  table.dispose();
});

test('when a later token changes, then earlier outputs do not', (t) => {
  const { layer, table } = make();
  const values = Array.from(randomNumbers(1, 4 * shape.width));
  const run = (row: number[]): number[] =>
    noGrad(() => {
      const pass = new Pass(zeros([1, 4]), 'float32');
      return layer.forward(floatTensor(row, [1, 4, shape.width]), pass).toArray();
    });
  const before = run(values);
  const after = run(values.map((x, i) => (i >= 3 * shape.width ? x + 1 : x)));
  const seen = 3 * shape.width;
  t.ok(distance(after.slice(0, seen), before.slice(0, seen)) < 1e-6);
  t.ok(distance(after.slice(seen), before.slice(seen)) > 1e-3);
  table.dispose();
});
