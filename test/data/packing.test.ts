import t from 'tap';
import { windows } from '../../lib/data/packing.js';

const stream = (n: number) => ({ ids: Int32Array.from({ length: n }, (_, i) => i) });

t.test('when a stream is cut, then there are floor((n - 1) / S) windows from its front', (t) => {
  t.equal(windows(stream(9), 4).count, 2);
  t.equal(windows(stream(8), 4).count, 1, 'the last token counts as a target only');
  t.equal(windows(stream(4), 4).count, 0);
  t.equal(windows(stream(0), 4).count, 0);
  const cut = windows(stream(11), 3);
  t.equal(cut.length, 3);
  t.strictSame([...cut.window(0)], [0, 1, 2]);
  t.strictSame([...cut.window(2)], [6, 7, 8]);
  t.throws(() => cut.window(3), RangeError);
  t.throws(() => cut.window(-1), RangeError);
  t.throws(() => windows(stream(9), 0), RangeError);
  t.end();
});

t.test('when documents start in a window, then its tokens are told apart', (t) => {
  const documentStarts = Int32Array.of(0, 2, 3, 8);
  const cut = windows({ ...stream(11), documentStarts }, 4);
  t.strictSame([...cut.segments(0)], [0, 0, 1, 2]);
  t.strictSame([...cut.segments(1)], [0, 0, 0, 0], 'what goes on is one document');
  t.strictSame([...windows({ ...stream(13), documentStarts }, 4).segments(2)], [0, 0, 0, 0]);
  t.strictSame([...windows({ ...stream(11), documentStarts }, 5).segments(1)], [0, 0, 0, 1, 1]);
  t.strictSame([...windows(stream(9), 4).segments(1)], [0, 0, 0, 0]);
  t.throws(() => cut.segments(2), RangeError);
  t.end();
});
