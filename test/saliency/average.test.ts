import t from 'tap';
import { ScoreAverage } from '../../lib/saliency/average.js';
import type { Scores } from '../../lib/saliency/saliency.js';

const of = (entries: Record<string, number[]>): Scores =>
  new Map(Object.entries(entries).map(([id, own]) => [id, Float64Array.from(own)]));
const plain = (scores: Scores): Record<string, number[]> =>
  Object.fromEntries([...scores].map(([id, own]) => [id, [...own]]));

t.test(
  'when scores are averaged, then later ones count more, and the first alone is itself',
  async (t) => {
    const average = new ScoreAverage(0.5);
    t.equal(average.value().size, 0);
    average.add(of({ a: [3, 0], b: [1] }));
    t.strictSame(plain(average.value()), { a: [3, 0], b: [1] });
    average.add(of({ a: [6, 3] }));
    // (0.5·3 + 1·6) / 1.5, (0.5·0 + 1·3) / 1.5; b was not added again
    t.strictSame(plain(average.value()), { a: [5, 2], b: [1] });
    average.add(of({ a: [1, 2], b: [4] }));
    // (0.25·3 + 0.5·6 + 1) / 1.75, (0.5·3 + 2) / 1.75, (0.5·1 + 4) / 1.5
    const { a, b } = plain(average.value());
    [...a!, ...b!].forEach((x, i) => t.ok(Math.abs(x - [4.75 / 1.75, 2, 3][i]!) < 1e-15));
  },
);

t.test('when scores do not change, then neither does their average', async (t) => {
  const average = new ScoreAverage();
  for (let i = 0; i < 40; i++) {
    average.add(of({ a: [2, 7] }));
    const [x, y] = plain(average.value())['a']!;
    t.ok(Math.abs(x! - 2) < 1e-12 && Math.abs(y! - 7) < 1e-12);
  }
});

t.test('when the decay is 0, then the last scores are the average', async (t) => {
  const average = new ScoreAverage(0);
  for (const x of [4, 9]) average.add(of({ a: [x] }));
  t.strictSame(plain(average.value()), { a: [9] });
});

t.test('when the state goes through JSON, then the average goes on bit for bit', async (t) => {
  const whole = new ScoreAverage(0.7);
  let parts = new ScoreAverage(0.7);
  for (const x of [1 / 3, 2 / 7, 0.1, 1e-300, 5]) {
    for (const average of [whole, parts]) average.add(of({ a: [x, 1 / x], b: [x * x] }));
    parts = new ScoreAverage(
      JSON.parse(JSON.stringify(parts.state())) as ReturnType<typeof parts.state>,
    );
    t.strictSame(plain(parts.value()), plain(whole.value()));
  }
});

t.test('when scores cannot be averaged, then nothing is added', async (t) => {
  const average = new ScoreAverage(0.9);
  average.add(of({ a: [1, 2] }));
  const before = average.state();
  t.throws(() => average.add(of({ b: [1], a: [1] })), { message: /a has 1 scores, and had 2/ });
  t.throws(() => average.add(of({ b: [1], a: [1, NaN] })), { message: /not finite/ });
  t.strictSame(average.state(), before);
  for (const decay of [-0.1, 1, NaN]) t.throws(() => new ScoreAverage(decay), { message: /decay/ });
});
