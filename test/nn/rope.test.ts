import { RotationTable, fixedFrequencies, inverseFrequencies, rotate } from '../../lib/nn/rope.js';
import { scoped, tensorCount } from '../../lib/tensor/scope.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { doubles, gradientGap } from '../fixtures/finite_differences.js';
import { distance, test } from '../fixtures/no_leak.js';

test('when frequencies are asked, then θ^(−2i/D)', (t) => {
  t.same(inverseFrequencies(2, 10000), [1]);
  t.ok(distance(inverseFrequencies(8, 10000), [1, 0.1, 0.01, 0.001]) < 1e-15);
});

test('when a head is rotated, then pairs (i, i + D/2) turn by position · frequency', (t) => {
  const [T, D] = [5, 6];
  const frequencies = inverseFrequencies(D, 100);
  const table = new RotationTable(fixedFrequencies(frequencies));
  const values = Array.from({ length: T * D }, (_, i) => Math.sin(i * i + 1));
  const turned = rotate(floatTensor(values, [1, 1, T, D]), table.at(T, 'cpu')).toArray();
  const expected = values.map((_, n) => {
    const [p, d] = [Math.floor(n / D), n % D];
    const i = d % (D / 2);
    const angle = p * frequencies[i]!;
    const [x, y] = [values[p * D + i]!, values[p * D + i + D / 2]!];
    return d < D / 2
      ? x * Math.cos(angle) - y * Math.sin(angle)
      : y * Math.cos(angle) + x * Math.sin(angle);
  });
  t.ok(distance(turned, expected) < 1e-6);
  t.same(turned.slice(0, D), Array.from(Float32Array.from(values.slice(0, D))), 'position 0 stays');
  table.dispose();
});

test('when neighbours are paired, then (2i, 2i + 1) turn, and come out in halves', (t) => {
  const [T, D, R] = [5, 8, 6];
  const frequencies = inverseFrequencies(R, 100);
  const table = new RotationTable(fixedFrequencies(frequencies), 'neighbours');
  const values = Array.from({ length: T * D }, (_, i) => Math.sin(i * i + 1));
  const turned = rotate(floatTensor(values, [1, 1, T, D]), table.at(T, 'cpu')).toArray();
  const expected = values.map((value, n) => {
    const [p, d] = [Math.floor(n / D), n % D];
    if (d >= R) return value;
    const i = d % (R / 2);
    const angle = p * frequencies[i]!;
    const [x, y] = [values[p * D + 2 * i]!, values[p * D + 2 * i + 1]!];
    return d < R / 2
      ? x * Math.cos(angle) - y * Math.sin(angle)
      : y * Math.cos(angle) + x * Math.sin(angle);
  });
  t.ok(distance(turned, expected) < 1e-6);
  table.dispose();
});

test('when it is differentiated, then finite differences agree', (t) => {
  const cos = doubles([1, 1, 0.6, 0.6], [2, 2]);
  const sin = doubles([0, 0, 0.8, 0.8], [2, 2]);
  for (const pairs of ['halves', 'neighbours'] as const) {
    t.ok(gradientGap((x) => rotate(x, { cos, sin, length: 2, pairs }), [[1, 2, 2, 2]]) < 1e-8);
  }
});

test('when a length comes again, then its table does too, and outlives scopes', (t) => {
  const before = tensorCount();
  const table = new RotationTable(fixedFrequencies(inverseFrequencies(4, 10000)));
  const first = scoped(() => table.at(7, 'cpu').cos.handle);
  t.equal(table.at(7, 'cpu').cos.handle, first);
  t.not(table.at(8, 'cpu').cos.handle, first);
  t.equal(table.at(7, 'meta').cos.device, 'meta');
  table.dispose();
  t.equal(tensorCount(), before);
});

test('when many lengths come, then only the latest stay', (t) => {
  const before = tensorCount();
  const table = new RotationTable(fixedFrequencies(inverseFrequencies(4, 10000)));
  const held = table.at(1, 'cpu');
  for (let length = 2; length < 200; length++) {
    t.equal(table.at(length, 'cpu').cos.extent(0), length);
    table.at(1, 'cpu');
  }
  t.equal(held.cos.alive, true, 'what is in use stays');
  t.ok(tensorCount() - before <= 20);
  table.dispose();
  t.equal(tensorCount(), before);
});
