import t from 'tap';
import { sliceIndices } from '../../lib/groups/slice_indices.js';

t.test(
  'when a unit is asked for, then its indices are offset + o·units·inner + u·inner + j',
  (t) => {
    t.strictSame(sliceIndices({ offset: 0, outer: 1, inner: 3 }, 4, 2), [6, 7, 8]);
    t.strictSame(sliceIndices({ offset: 0, outer: 2, inner: 1 }, 5, 3), [3, 8]);
    t.strictSame(sliceIndices({ offset: 10, outer: 2, inner: 2 }, 3, 1), [12, 13, 18, 19]);
    t.end();
  },
);

t.test(
  'when a slice belongs to one unit alone, then that has all of it and others nothing',
  (t) => {
    const whole = { offset: 0, outer: 1, inner: 4, only: 2 };
    t.strictSame(sliceIndices(whole, 3, 2), [0, 1, 2, 3]);
    t.strictSame(sliceIndices(whole, 3, 0), []);
    t.strictSame(sliceIndices({ ...whole, offset: 5 }, 3, 2), [5, 6, 7, 8]);
    t.end();
  },
);
