import t from 'tap';
import { type Operand, dimOf, fromFront, withDim } from '../../lib/graph/rule.js';

const operand: Operand = {
  value: { id: 0, kind: 'parameter', shape: [2, 3, 5], producer: null },
  dims: [[7], [8, 9], []],
  derived: true,
};

t.test('when a dimension is counted from either end, then it is the same one', (t) => {
  for (let d = 0; d < 3; d++) {
    t.equal(dimOf(operand, d), operand.dims[d]);
    t.equal(dimOf(operand, d - 3), operand.dims[d]);
    t.equal(fromFront(d, 3), d);
    t.equal(fromFront(d - 3, 3), d);
  }
  t.end();
});

t.test('when a tensor has no such dimension, then that is an error and not another one', (t) => {
  for (const d of [3, -4, 17]) {
    t.throws(() => dimOf(operand, d), { code: 'GRAPH_INVALID', message: new RegExp(`${d}$`) });
  }
  t.throws(() => dimOf({ ...operand, dims: [] }, -1), { code: 'GRAPH_INVALID' });
  t.end();
});

t.test('when a dimension is replaced, then the operand keeps its own', (t) => {
  t.strictSame(withDim(operand.dims, 1, [4]), [[7], [4], []]);
  t.strictSame(operand.dims, [[7], [8, 9], []]);
  t.end();
});
