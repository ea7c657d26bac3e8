import t from 'tap';
import { dimensionsOf } from '../../lib/graph/dimensions.js';
import { Symbolic } from './symbolic.js';

t.test('when an operator has no rule, then the error names it and its module', (t) => {
  const s = new Symbolic();
  const x = s.linear(s.input(2, 3), s.parameter('w', 4, 3));
  s.module = 'layers.3.mixer';
  const y = s.unary('cumsum', x);
  t.throws(() => dimensionsOf(s.finish(y)), {
    code: 'GRAPH_RULE_MISSING',
    message: /aten::cumsum.*layers\.3\.mixer/,
    facts: { op: 'aten::cumsum', module: 'layers.3.mixer' },
  });
  t.end();
});

t.test('when an operator without a rule reads tokens only, then it needs none', (t) => {
  const s = new Symbolic();
  const tokens = s.unary('cumsum', s.input(2, 3));
  const { derived } = dimensionsOf(s.finish(s.embedding(s.parameter('w', 9, 4), tokens)));
  t.strictSame(derived, [false, false, true, true]);
  t.end();
});

t.test('when a rule does not describe what an operator returned, then that is an error', (t) => {
  const s = new Symbolic();
  const wrong = s.one('t', [['self', s.parameter('w', 2, 3)]], {}, [2, 3]);
  t.throws(() => dimensionsOf(s.finish(wrong)), {
    code: 'GRAPH_INVALID',
    message: /\(2, 3\) where its rule says \(3, 2\)/,
  });
  t.end();
});

t.test('when a table varies over a dimension, then the dimension is marked, and only that', (t) => {
  const s = new Symbolic();
  const x = s.linear(s.input(2, 3), s.parameter('w', 4, 3));
  const y = s.mul(x, s.constant(4));
  const { atoms, of } = dimensionsOf(s.finish(s.linear(y, s.parameter('v', 5, 4))));
  const marks = atoms.marks();
  const marked = (value: number, dim: number) =>
    [...atoms.leaves(of[value]![dim]!)].every((leaf) => marks.get(leaf)?.has('constant'));
  t.ok(marked(1, 0), 'rows of w');
  t.ok(marked(4, 1) || marked(5, 1), 'columns of v');
  t.end();
});

t.test('when a weight is transposed or cast first, then its sides are still known', (t) => {
  const s = new Symbolic();
  const weight = s.parameter('w', 4, 3);
  const cast = s.unary('to.dtype', s.transpose(weight, 0, 1));
  const x = s.embedding(s.parameter('table', 9, 3), s.input(2));
  const inputs = [
    ['self', x],
    ['other', cast],
  ] as const;
  const y = s.one('matmul', inputs, {}, [2, 4]);
  const { role } = dimensionsOf(s.finish(y));
  t.strictSame([role(weight, 0), role(weight, 1)], ['producer', 'consumer']);
  t.end();
});

t.test('when token ids go in and come out, then they are one vocabulary', (t) => {
  const s = new Symbolic();
  const [table, head] = [s.parameter('table', 9, 4), s.parameter('head', 9, 4)];
  const { atoms, of } = dimensionsOf(s.finish(s.linear(s.embedding(table, s.input(2, 3)), head)));
  t.equal(atoms.find(of[table]![0]![0]!), atoms.find(of[head]![0]![0]!));
  t.end();
});

t.test('when an operator lacks an input that its rule reads, then that is an error', (t) => {
  const s = new Symbolic();
  const y = s.one('linear', [['input', s.parameter('x', 2, 3)]], {}, [2, 5]);
  t.throws(() => dimensionsOf(s.finish(y)), {
    code: 'GRAPH_INVALID',
    message: /aten::linear has no weight/,
  });
  t.end();
});
