import { empty, multinomial, normal_, uniform_ } from '../../lib/tensor/ops.js';
import { floatTensorOn } from '../../lib/tensor/placed.js';
import { type RandomStream, randomStream } from '../../lib/tensor/random.js';
import { gpu, test } from '../fixtures/gpu.js';

const draw = (stream: RandomStream, n = 50): number[] => [
  ...uniform_(empty([n], 'float32', gpu), 0, 1, stream.id).toArray(),
  ...normal_(empty([n], 'float32', gpu), 0, 1, stream.id).toArray(),
];

test('when the seed is the same, then so are the device’s numbers; another seed gives others', (t) => {
  t.same(draw(randomStream(7, gpu)), draw(randomStream(7, gpu)));
  t.notSame(draw(randomStream(7, gpu)), draw(randomStream(8, gpu)));
});

test('when two streams of the device are used in turn, then neither disturbs the other', (t) => {
  const [a, b] = [randomStream(1, gpu), randomStream(2, gpu)];
  const first = draw(a);
  draw(b);
  const both = [...first, ...draw(a)];
  const alone = randomStream(1, gpu);
  t.same(both, [...draw(alone), ...draw(alone)]);
});

test('when a state of the device’s generator is restored, then the numbers go on bit for bit', (t) => {
  const stream = randomStream(3, gpu);
  draw(stream, 17);
  const saved = stream.save();
  const expected = draw(stream);
  stream.restore(saved);
  t.same(draw(stream), expected);
  const other = randomStream(99, gpu);
  other.restore(saved);
  t.same(draw(other), expected, 'also in another stream');
  t.throws(() => other.restore(new Uint8Array(3)), { code: 'TENSOR_OP_FAILED' });
});

test('when the device is asked for samples, then they follow the weights and the law', (t) => {
  const stream = randomStream(5, gpu);
  const counts = [0, 0, 0];
  const p = floatTensorOn(gpu, [0, 1, 3]);
  for (const i of multinomial(p, 4000, true, stream.id).toArray()) counts[i]!++;
  t.equal(counts[0], 0);
  t.ok(Math.abs(counts[2]! / 4000 - 0.75) < 0.03);
  const normal = normal_(empty([20_000], 'float32', gpu), 2, 3, stream.id).toArray();
  const mean = normal.reduce((a, b) => a + b, 0) / normal.length;
  const variance = normal.reduce((a, b) => a + (b - mean) ** 2, 0) / normal.length;
  t.ok(Math.abs(mean - 2) < 0.1 && Math.abs(variance - 9) < 0.5, `${mean}, ${variance}`);
});
