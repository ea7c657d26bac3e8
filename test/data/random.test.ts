import t from 'tap';
import { createRandom, shuffle } from '../../lib/data/random.js';

t.test('when the state is known, then the words are those of xoshiro128**', (t) => {
  const random = createRandom(0);
  random.restore([1, 2, 3, 4]);
  // By hand from the reference: rotl(s1 * 5, 7) * 9, then the update.
  t.equal(random.uint32(), 11520);
  t.equal(random.uint32(), 0);
  t.strictSame(random.state(), reference([1, 2, 3, 4], 2));
  t.end();
});

t.test('when the seeds differ in any part, then the sequences differ', (t) => {
  const first = (...seed: [number, ...number[]]) => createRandom(...seed).uint32();
  t.equal(first(7, 1), first(7, 1));
  const seen = new Set([first(0), first(1), first(0, 0), first(0, 1), first(1, 0), first(2 ** 40)]);
  t.equal(seen.size, 6);
  t.end();
});

t.test('when the state is restored, then the sequence continues', (t) => {
  const random = createRandom(42);
  random.uint32();
  const state = random.state();
  const after = [random.uniform(), random.integer(1000), random.weighted([1, 2, 3])];
  const other = createRandom(0);
  other.restore(JSON.parse(JSON.stringify(state)) as typeof state);
  t.strictSame([other.uniform(), other.integer(1000), other.weighted([1, 2, 3])], after);
  t.end();
});

t.test('when many numbers are drawn, then they are spread as asked', (t) => {
  const random = createRandom(3);
  const counts = [0, 0, 0, 0];
  const weighted = [0, 0, 0];
  const n = 60_000;
  for (let i = 0; i < n; i++) {
    counts[random.integer(4)]! += 1;
    weighted[random.weighted([1, 0, 3])]! += 1;
  }
  // Five standard deviations of a binomial count.
  for (const count of counts) t.ok(Math.abs(count - n / 4) < 5 * Math.sqrt(n * 0.25 * 0.75));
  t.equal(weighted[1], 0, 'what weighs nothing is never drawn');
  t.ok(Math.abs(weighted[0]! - n / 4) < 5 * Math.sqrt(n * 0.25 * 0.75));
  t.end();
});

t.test('when items are shuffled, then every order comes about as often', (t) => {
  const random = createRandom(5);
  const orders = new Map<string, number>();
  for (let i = 0; i < 12_000; i++) {
    const order = shuffle([0, 1, 2], random).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  t.equal(orders.size, 6);
  for (const count of orders.values()) t.ok(Math.abs(count - 2000) < 5 * Math.sqrt(12_000 / 6));
  t.end();
});

/** The published C code in 64-bit integers, apart from the implementation under test. */
function reference(start: [number, number, number, number], steps: number): number[] {
  const mask = 0xffffffffn;
  let [a, b, c, d] = start.map(BigInt) as [bigint, bigint, bigint, bigint];
  for (let i = 0; i < steps; i++) {
    const t = (b << 9n) & mask;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = ((d << 11n) | (d >> 21n)) & mask;
  }
  return [a, b, c, d].map(Number);
}
