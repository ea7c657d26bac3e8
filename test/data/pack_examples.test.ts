import t from 'tap';
import { firstFitDecreasing, ignored, packExamples } from '../../lib/data/pack_examples.js';

const example = (...ids: number[]) => ({
  ids: Int32Array.from(ids),
  labels: Int32Array.from(ids, (id, i) => (i === 0 ? ignored : id)),
});

t.test('when sizes are packed, then the largest come first, each where it first fits', (t) => {
  t.strictSame(firstFitDecreasing([4, 8, 1, 4, 2, 1], 10), [
    [1, 4],
    [0, 3, 2, 5],
  ]);
  t.strictSame(firstFitDecreasing([12, 3], 10), [[0], [1]], 'one too large has its own');
  t.strictSame(firstFitDecreasing([], 10), []);
  t.end();
});

t.test('when examples are packed, then rows hold them whole and apart, padding behind', (t) => {
  const found = packExamples([example(1, 2), example(3, 4, 5), example(6, 7)], 5, 9);
  t.strictSame([found.batch, found.length, found.useful], [2, 5, 7]);
  t.strictSame([...found.ids], [3, 4, 5, 1, 2, 6, 7, 9, 9, 9]);
  t.strictSame([...found.labels], [-100, 4, 5, -100, 2, -100, 7, -100, -100, -100]);
  t.strictSame([...(found.segments ?? [])], [0, 0, 0, 1, 1, 0, 0, 1, 1, 1]);
  t.equal(packExamples([example(1, 2)], 100, 9).length, 2, 'no longer than it has to be');
  t.equal(packExamples([], 10, 0).batch, 0);
  t.end();
});
