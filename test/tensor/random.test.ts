import { empty, multinomial, normal_, uniform_ } from '../../lib/tensor/ops.js';
import { type RandomStream, randomStream } from '../../lib/tensor/random.js';
import { floatTensor } from '../../lib/tensor/tensor.js';
import { test } from '../fixtures/no_leak.js';

const draw = (stream: RandomStream, n = 50): number[] => [
  ...uniform_(empty([n]), 0, 1, stream.id).toArray(),
  ...normal_(empty([n]), 0, 1, stream.id).toArray(),
];

test('when the seed is the same, then so are the numbers; another seed gives others', (t) => {
  t.same(draw(randomStream(7)), draw(randomStream(7)));
  t.notSame(draw(randomStream(7)), draw(randomStream(8)));
});

test('when two streams are used in turn, then neither disturbs the other', (t) => {
  const [a, b] = [randomStream(1), randomStream(2)];
  const first = draw(a);
  draw(b);
  const both = [...first, ...draw(a)];
  const alone = randomStream(1);
  t.same(both, [...draw(alone), ...draw(alone)]);
});

test('when a state is restored, then the numbers go on bit for bit', (t) => {
  const stream = randomStream(3);
  draw(stream, 17);
  const saved = stream.save();
  const expected = draw(stream);
  stream.restore(saved);
  t.same(draw(stream), expected);
  const other = randomStream(99);
  other.restore(saved);
  t.same(draw(other), expected, 'also in another stream');
  t.ok(saved.length > 2000, 'the whole state of the generator');
});

test('when a stream is asked for samples, then they follow the weights', (t) => {
  const p = floatTensor([0, 1, 3], [3]);
  const counts = [0, 0, 0];
  for (const i of multinomial(p, 4000, true, randomStream(5).id).toArray()) counts[i]!++;
  t.equal(counts[0], 0);
  t.ok(Math.abs(counts[2]! / 4000 - 0.75) < 0.03);
});

test('when seed or state is impossible, then the error is typed', (t) => {
  const failed = { code: 'TENSOR_OP_FAILED' };
  for (const seed of [-1, 0.5, NaN, 2 ** 53]) t.throws(() => randomStream(seed), failed);
  t.throws(() => randomStream(0, 'no such device'), failed);
  const stream = randomStream(0);
  const before = stream.save();
  t.throws(() => stream.restore(new Uint8Array(5)), failed);
  t.same(stream.save(), before, 'and the stream is as it was');
});
