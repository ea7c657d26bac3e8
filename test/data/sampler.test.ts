import t from 'tap';
import { windows } from '../../lib/data/packing.js';
import { createSampler, type Sampler } from '../../lib/data/sampler.js';

/** A source whose tokens tell where they come from: `offset` + position. */
function source(name: string, offset: number, count: number, length = 4) {
  const ids = Int32Array.from({ length: count * length + 1 }, (_, i) => offset + i);
  return { name, windows: windows({ ids }, length) };
}

const sources = () => [source('a', 0, 5), source('b', 1000, 40), source('c', 2000, 3)];

t.test('when batches are drawn, then rows are whole windows of the named source', (t) => {
  const sampler = createSampler({ sources: sources(), seed: 1 });
  t.strictSame(sampler.names, ['a', 'b', 'c']);
  const { ids, batch, length, sources: drawn } = sampler.next(32);
  t.equal(batch, 32);
  t.equal(length, 4);
  t.equal(ids.length, 128);
  for (const [row, index] of drawn.entries()) {
    const start = ids[row * 4]!;
    t.equal(Math.floor(start / 1000), index);
    t.equal(start % 4, 0);
    t.strictSame(
      [...ids.subarray(row * 4, row * 4 + 4)],
      [0, 1, 2, 3].map((i) => start + i),
    );
  }
  t.end();
});

t.test('when a source is drawn from, then no window repeats before all have come', (t) => {
  const sampler = createSampler({ sources: [source('b', 0, 40)], seed: 2 });
  const starts = (n: number) => {
    const { ids } = sampler.next(n);
    return Array.from({ length: n }, (_, i) => ids[i * 4]!);
  };
  const first = [...starts(15), ...starts(25)];
  t.equal(new Set(first).size, 40);
  const second = starts(40);
  t.equal(new Set(second).size, 40);
  t.notSame(first, second);
  t.end();
});

t.test('when weights are given, then sources come in that share', (t) => {
  const sampler = createSampler({ sources: sources(), weights: [2, 6, 0], seed: 3 });
  const count = (n: number) => {
    const counts = [0, 0, 0];
    for (const i of sampler.next(n).sources) counts[i]! += 1;
    return counts;
  };
  const n = 8000;
  const deviation = 5 * Math.sqrt(n * 0.25 * 0.75);
  const before = count(n);
  t.ok(Math.abs(before[0]! - n / 4) < deviation);
  t.equal(before[2], 0);
  sampler.setWeights([0.25, 0, 0.75]);
  t.strictSame(sampler.weights(), [0.25, 0, 0.75]);
  const after = count(n);
  t.ok(Math.abs(after[0]! - n / 4) < deviation);
  t.equal(after[1], 0);
  t.end();
});

t.test('when a state is restored, then the continuation is identical', (t) => {
  const draw = (sampler: Sampler) => [1, 7, 16].map((n) => sampler.next(n));
  const sampler = createSampler({ sources: sources(), weights: [1, 2, 1], seed: 9 });
  draw(sampler);
  sampler.setWeights([3, 1, 1]);
  draw(sampler);
  const state = JSON.parse(JSON.stringify(sampler.state())) as ReturnType<Sampler['state']>;
  const after = draw(sampler);
  const other = createSampler({ sources: sources(), seed: 9 });
  other.restore(state);
  t.strictSame(draw(other), after);
  t.strictSame(other.state(), sampler.state());
  const foreign = createSampler({ sources: [source('z', 0, 5)], seed: 9 });
  t.throws(() => foreign.restore(state), { code: 'RUN_CORRUPT', message: /"z"/ });
  t.end();
});

t.test('when the seed is the same, then so are the batches', (t) => {
  const ids = (seed: number) => createSampler({ sources: sources(), seed }).next(20).ids;
  t.strictSame(ids(4), ids(4));
  t.notSame(ids(4), ids(5));
  t.end();
});

t.test('when a source cannot be drawn from, then that is said at once', (t) => {
  const empty = source('short', 0, 0);
  t.throws(() => createSampler({ sources: [source('a', 0, 2), empty], seed: 0 }), {
    code: 'DATA_EMPTY',
    message: /"short" has too little text for one window of 4 tokens/,
  });
  const unused = { sources: [source('a', 0, 2), empty], weights: [1, 0], seed: 0 };
  t.equal(createSampler(unused).next(4).sources.length, 4, 'unless it has no weight');
  t.throws(() => createSampler({ sources: [], seed: 0 }), { code: 'DATA_EMPTY' });
  t.throws(() => createSampler({ sources: sources(), weights: [1, 1], seed: 0 }), RangeError);
  t.throws(() => createSampler({ sources: sources(), weights: [0, 0, 0], seed: 0 }), RangeError);
  t.throws(() => createSampler({ sources: sources(), weights: [1, NaN, 0], seed: 0 }), RangeError);
  t.throws(
    () => createSampler({ sources: [source('a', 0, 2), source('a', 0, 2)], seed: 0 }),
    RangeError,
  );
  t.throws(
    () => createSampler({ sources: [source('a', 0, 2), source('b', 0, 2, 5)], seed: 0 }),
    RangeError,
  );
  t.end();
});

/** First tokens of the rows of `n` batches of `batch`. */
const startsOf = (sampler: Sampler, n: number, batch = 1) =>
  Array.from({ length: n }, () => {
    const { ids } = sampler.next(batch);
    return Array.from({ length: batch }, (_, row) => ids[row * 4] as number);
  }).flat();

t.test('when a round begins, then no window comes twice in it, however small its source', (t) => {
  const sampler = createSampler({ sources: sources(), weights: [5, 2, 3], seed: 1 });
  t.strictSame(sampler.sizes, { a: 5, b: 40, c: 3 });
  startsOf(sampler, 7); // the decks are in the middle of a pass
  for (let round = 0; round < 5; round++) {
    sampler.beginRound();
    const seen = startsOf(sampler, 12, 4);
    t.equal(new Set(seen).size, 48, 'all 48 windows, each once');
    const [head, tail] = [seen.slice(0, 20), seen.slice(30)];
    t.ok(head.filter((start) => start < 1000).length >= 3, 'by weight at first');
    t.ok(
      tail.every((start) => start >= 1000),
      'what is used up leaves its share to the others',
    );
  }
  sampler.beginRound();
  t.equal(new Set(startsOf(sampler, 60)).size, 48, 'then all begin again');
  t.end();
});

t.test('when no source is used up and no pass ends, then a round draws as without', (t) => {
  const [plain, rounds] = [1, 2].map(() =>
    createSampler({ sources: [source('a', 0, 90), source('b', 1000, 90)], seed: 6 }),
  ) as [Sampler, Sampler];
  const expected = startsOf(plain, 60);
  rounds.beginRound();
  const first = startsOf(rounds, 30);
  rounds.beginRound();
  t.strictSame([...first, ...startsOf(rounds, 30)], expected);
  t.end();
});

t.test('when a round is restored, then it goes on and nothing comes twice', (t) => {
  const make = () => createSampler({ sources: sources(), seed: 3 });
  const sampler = make();
  startsOf(sampler, 11);
  sampler.beginRound();
  const first = startsOf(sampler, 30);
  const state = JSON.parse(JSON.stringify(sampler.state())) as ReturnType<Sampler['state']>;
  const rest = startsOf(sampler, 18);
  t.equal(new Set([...first, ...rest]).size, 48);
  const other = make();
  other.restore(state);
  t.strictSame(startsOf(other, 18), rest);
  t.strictSame(other.state(), sampler.state());
  t.end();
});

t.test('when documents are kept apart, then each row says which token is of which', (t) => {
  const ids = Int32Array.from({ length: 13 }, (_, i) => i);
  const documentStarts = Int32Array.of(0, 3, 4, 9);
  const cut = windows({ ids, documentStarts }, 4);
  const made = (documents: boolean) =>
    createSampler({ sources: [{ name: 'a', windows: cut }], seed: 0, documents }).next(3);
  const { ids: rows, segments } = made(true);
  const expected = new Map([
    [0, [0, 0, 0, 1]],
    [4, [0, 0, 0, 0]],
    [8, [0, 1, 1, 1]],
  ]);
  for (const row of [0, 1, 2]) {
    const found = [...(segments ?? new Int32Array()).subarray(4 * row, 4 * row + 4)];
    t.strictSame(found, expected.get(rows[4 * row] as number));
  }
  t.notOk('segments' in made(false));
  t.strictSame(made(false).ids, rows);
  t.end();
});
