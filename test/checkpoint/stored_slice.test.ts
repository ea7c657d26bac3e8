import t from 'tap';
import type { TensorEntry } from '../../lib/checkpoint/safetensors_header.js';
import { partsOf, runsOf, storedSlice } from '../../lib/checkpoint/stored_slice.js';

const entry = (shape: readonly number[]): TensorEntry => ({
  ...{ name: 'x', stored: 'F32', dtype: 'float32', shape, start: 0, end: 0 },
});

t.test('when indices are ascending, then runs are pairs of first and count', (t) => {
  t.same(runsOf([]), []);
  t.same(runsOf([0, 1, 2, 5, 7, 8]), [0, 3, 5, 1, 7, 2]);
  t.end();
});

t.test('when dimensions lose indices, then rows run through all but the last of them', (t) => {
  const whole = storedSlice(entry([2, 3, 5]), 4, new Map());
  t.same([whole.rows, whole.rowCount, whole.columns, whole.rowBytes], [[0, 6], 6, null, 20]);
  const part = storedSlice(
    entry([2, 3, 5]),
    4,
    new Map([
      [1, [0, 2]],
      [2, [1, 2, 4]],
    ]),
  );
  t.same(part.shape, [2, 2, 3]);
  t.same(part.rows, [0, 1, 2, 1, 3, 1, 5, 1]);
  t.same([...(part.columns ?? [])], [1, 2, 4, 1]);
  t.equal(part.rowBytes, 12);
  const bias = storedSlice(entry([5]), 2, new Map([[0, [4]]]));
  t.same(
    [bias.rows, bias.rowCount, [...(bias.columns ?? [])], bias.rowBytes],
    [[0, 1], 1, [4, 1], 2],
  );
  const scalar = storedSlice(entry([]), 4, new Map());
  t.same([scalar.rows, scalar.width, scalar.rowBytes], [[0, 1], 1, 4]);
  t.end();
});

t.test('when rows come in parts, then each has as many as fit and none is lost', (t) => {
  const parts = [...partsOf({ rows: [0, 5, 7, 1, 10, 4] }, () => 4)].map((part) => [...part]);
  t.same(parts, [
    [0, 4],
    [4, 1, 7, 1, 10, 2],
    [12, 2],
  ]);
  t.same([...partsOf({ rows: [] }, () => 4)], []);
  t.end();
});
