import t from 'tap';
import { dimensionsOf } from '../../lib/graph/dimensions.js';
import { elementwiseRules } from '../../lib/graph/rules_elementwise.js';
import type { AtenName, Attributes } from './aten.js';
import { type Use, checkRules, marksOf, recorded } from './rule_truth.js';
import { Symbolic } from './symbolic.js';

const one = (op: AtenName, attrs: Attributes = {}, tied = 'a b c → a b c'): Use => ({
  op,
  inputs: [['self', 2, 3, 5]],
  attrs,
  tied,
});
const two = (op: AtenName): Use => ({
  op,
  inputs: [
    ['self', 2, 1, 5],
    ['other', 3, 5],
  ],
  tied: 'a · b , c b → a c b',
});

const uses: readonly Use[] = [
  ...(['relu', 'gelu', 'silu', 'tanh', 'sigmoid', 'exp', 'cos', 'sin'] as const).map((op) =>
    one(op),
  ),
  ...(['neg', 'abs', 'sqrt', 'rsqrt'] as const).map((op) => one(op)),
  ...(['mul.Scalar', 'div.Scalar', 'add.Scalar', 'sub.Scalar'] as const).map((op) =>
    one(op, { other: 3 }),
  ),
  ...[2, 3, 0.5, 0, -0.5].map((exponent) => one('pow.Tensor_Scalar', { exponent })),
  ...(['add.Tensor', 'sub.Tensor', 'mul.Tensor', 'div.Tensor'] as const).map(two),
  { ...two('add.Tensor'), attrs: { alpha: 2 } },
  {
    op: 'mul.Tensor',
    inputs: [
      ['self', 3, 5],
      ['other', 3, 5],
    ],
    tied: 'a b , a b → a b',
  },
  {
    op: 'add.Tensor',
    inputs: [
      ['self', 7],
      ['other', 1],
    ],
    tied: 'a , · → a',
  },
  ...[0, 7].map((value): Use => ({
    op: 'masked_fill.Scalar',
    inputs: [
      ['self', 2, 3, 5],
      ['mask', 3, 5],
    ],
    attrs: { value },
    tied: 'a b c , b c → a b c',
  })),
  one('softmax.int', { dim: -2 }),
  one('log_softmax.int', { dim: 2 }),
  one('_softmax', { dim: 0, half_to_float: false }),
  one('sum.dim_IntList', { dim: [-1], keepdim: false }, 'a b c → a b'),
  one('sum.dim_IntList', { dim: [0, -1], keepdim: true }, 'a b c → · b ·'),
  one('sum.dim_IntList', { dim: [], keepdim: false }, 'a b c → '),
  one('mean.dim', { dim: [1] }, 'a b c → a c'),
  one('mean.dim', { dim: null, keepdim: true }, 'a b c → · · ·'),
];

checkRules(t, elementwiseRules, uses);

t.test('when an operator does more than keep a dimension, then the dimension is marked', (t) => {
  const marks = (use: Use) => marksOf(recorded(use))[0];
  t.strictSame(marks(one('silu')), ['activation', 'activation', 'activation']);
  t.strictSame(marks(one('softmax.int', { dim: -2 })), ['', 'softmax', '']);
  t.strictSame(marks(one('log_softmax.int', { dim: 0 })), ['softmax', '', '']);
  t.strictSame(marks(one('mean.dim', { dim: [-1, 0] }, '')), ['normalised', '', 'normalised']);
  t.strictSame(marks(one('sum.dim_IntList', { dim: [1] }, '')), ['', '', '']);
  for (const op of ['neg', 'abs', 'sqrt', 'rsqrt'] as const) {
    t.strictSame(marks(one(op)), ['', '', ''], op);
  }
  t.end();
});

t.test('when an operator sums over dimensions, then these are told as sinks', (t) => {
  const sinks = (use: Use): number[] => {
    const { dimensions, given } = recorded(use);
    const dims = dimensions.of[given[0]!]!;
    return dimensions.sinks.map(({ value, dim }) => {
      t.equal(value, given[0]);
      return dims.indexOf(dim);
    });
  };
  t.strictSame(sinks(one('sum.dim_IntList', { dim: [0, -1] })), [0, 2]);
  t.strictSame(sinks(one('sum.dim_IntList', { dim: null })), [0, 1, 2]);
  t.strictSame(sinks(one('mean.dim', { dim: [1] })), [], 'a mean needs all of it');
  t.strictSame(sinks(one('neg')), []);
  t.end();
});

t.test('when a table varies over a dimension, then the dimension is marked, and only that', (t) => {
  const s = new Symbolic();
  const [x, table, one_] = [s.parameter('x', 2, 3, 5), s.constant(3, 1), s.constant(1)];
  const y = s.add(s.mul(x, table), one_);
  const { atoms, of } = dimensionsOf(s.finish(y));
  const marks = atoms.marks();
  t.strictSame(
    of[x]!.map((dim) => marks.get(dim[0]!)?.has('constant') ?? false),
    [false, true, false],
  );
  t.end();
});

t.test('when only a table has a dimension, then the result has it, fixed', (t) => {
  const s = new Symbolic();
  const y = s.add(s.parameter('x', 5), s.constant(3, 5));
  const { atoms, of } = dimensionsOf(s.finish(y));
  const [rows] = of[y]!;
  t.equal(atoms.extent(rows!), 3);
  t.ok(atoms.marks().get(rows![0]!)?.has('constant'));
  t.end();
});

t.test('when an operator names a dimension that is not there, then that is an error', (t) => {
  const s = new Symbolic();
  const y = s.unary('softmax.int', s.parameter('x', 2), { dim: 1 });
  t.throws(() => dimensionsOf(s.finish(y)), { code: 'GRAPH_INVALID' });
  t.end();
});
