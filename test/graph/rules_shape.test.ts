import t from 'tap';
import { dimensionsOf } from '../../lib/graph/dimensions.js';
import { shapeRules } from '../../lib/graph/rules_shape.js';
import { dtypeCode } from '../../lib/tensor/dtype.js';
import type { AtenName, Attributes } from './aten.js';
import { type Use, checkRules, marksOf, recorded } from './rule_truth.js';
import { type Input, Symbolic } from './symbolic.js';

const one = (op: AtenName, shape: number[], attrs: Attributes, tied: string): Use => ({
  op,
  inputs: [['self', ...shape]],
  attrs,
  tied,
});

const uses: readonly Use[] = [
  one('view', [2, 1, 12, 5, 3], { size: [2, 3, 4, 15, 1] }, 'a · (bc) d e → a b c (de) ·'),
  one('view', [6, 35], { size: [-1, 7, 5] }, 'a (bc) → a b c'),
  one('view', [13, 1], { size: [1, 13] }, 'a · → · a'),
  one('view', [2, 0, 3], { size: [3, 0] }, 'a · b → c ·'),
  one('reshape', [3, 14], { shape: [3, 2, -1] }, 'a (bc) → a b c'),
  one('reshape', [4, 3, 5], { shape: [60] }, 'a b c → (abc)'),
  one('flatten.using_ints', [2, 3, 5, 7], { start_dim: 1, end_dim: -2 }, 'a b c d → a (bc) d'),
  one('unflatten.int', [2, 15, 7], { dim: -2, sizes: [3, 5] }, 'a (bc) d → a b c d'),
  one('transpose.int', [2, 3, 5], { dim0: 1, dim1: -1 }, 'a b c → a c b'),
  one('t', [3, 5], {}, 'a b → b a'),
  one('permute', [2, 3, 5], { dims: [2, 0, -2] }, 'a b c → c a b'),
  one('unsqueeze', [2, 3], { dim: -1 }, 'a b → a b ·'),
  one('unsqueeze', [2, 3], { dim: 1 }, 'a b → a · b'),
  one('squeeze.dim', [2, 1, 3], { dim: -2 }, 'a · b → a b'),
  one('squeeze.dim', [2, 3], { dim: 0 }, 'a b → a b'),
  one('expand', [2, 1, 3], { size: [5, -1, 4, -1] }, 'a · b → c a d b'),
  one('slice.Tensor', [3, 9], { dim: -1, start: -7, end: 4 }, 'a [bcd] → a c'),
  one('slice.Tensor', [3, 9], { dim: 1, start: 5, end: 99 }, 'a [bc] → a c'),
  one('slice.Tensor', [3, 9], { dim: 1, end: 9, step: 2 }, 'a b → a c'),
  one('slice.Tensor', [3, 9], { dim: 1, start: 4, end: 4 }, 'a b → a ·'),
  one('slice.Tensor', [3, 9], {}, 'a b → a b'),
  one('chunk', [13, 3], { chunks: 4 }, '[abc] d → a d , b d , c d , · d'),
  one('split.Tensor', [3, 8], { split_size: 5, dim: -1 }, 'a [bc] → a b , a c'),
  one('split_with_sizes', [3, 9], { split_sizes: [2, 4, 3], dim: 1 }, 'a [bcd] → a b , a c , a d'),
  one('select.int', [2, 3, 5], { dim: -2, index: 1 }, 'a b c → a c'),
  one('repeat_interleave.self_int', [2, 3], { repeats: 4, dim: -1 }, 'a b → a (bc)'),
  one('repeat_interleave.self_int', [3], { repeats: 5 }, 'a → (ab)'),
  one('contiguous', [2, 3], {}, 'a b → a b'),
  one('clone', [2, 3], {}, 'a b → a b'),
  one('detach', [2, 3], {}, 'a b → a b'),
  one('to.dtype', [2, 3], { dtype: dtypeCode('float64'), copy: true }, 'a b → a b'),
  one('to.device', [2, 3], { device: 'cpu', dtype: dtypeCode('float64') }, 'a b → a b'),
  {
    op: 'dropout',
    inputs: [['input', 2, 3]],
    attrs: { p: 0.5, train: false },
    tied: 'a b → a b',
  },
  {
    op: 'cat',
    inputs: [
      ['tensors', 2, 3],
      ['tensors', 2, 5],
      ['tensors', 2, 1],
    ],
    attrs: { dim: -1 },
    tied: 'a b , a c , a · → a [bc]',
  },
  {
    op: 'cat',
    inputs: [
      ['tensors', 0],
      ['tensors', 3, 5],
    ],
    tied: '· , a b → a b',
  },
  {
    op: 'cat',
    inputs: [
      ['tensors', 1, 3],
      ['tensors', 1, 3],
    ],
    tied: '· a , · a → b a',
  },
];

checkRules(t, shapeRules, uses);

t.test('when single indices are put together, then what goes with them is marked', (t) => {
  const s = new Symbolic();
  const rows = ['a', 'b'].map((name): Input => ['tensors', s.parameter(name, 1, 3)]);
  const x = s.parameter('x', 2, 3);
  const stacked = s.one('cat', rows, { dim: 0 }, [2, 3]);
  const { atoms, of } = dimensionsOf(s.finish(s.mul(x, stacked)));
  const marks = atoms.marks();
  const [heads, width] = of[x]!.map((dim) => [...(marks.get(atoms.find(dim[0]!)) ?? [])]);
  t.strictSame([heads, width], [['indexed', 'output'], ['output']]);
  t.end();
});

t.test('when single positions are read, then the dimension is marked, and no other', (t) => {
  const every = one('slice.Tensor', [3, 9], { dim: 1, start: 0, end: 9, step: 3 }, '');
  t.strictSame(marksOf(recorded(every)), [['', 'indexed']]);
  const select = one('select.int', [2, 3, 5], { dim: 1, index: 0 }, '');
  t.strictSame(marksOf(recorded(select)), [['', 'indexed', '']]);
  const range = one('slice.Tensor', [3, 9], { dim: 1, start: 2, end: 9 }, '');
  t.strictSame(marksOf(recorded(range)), [['', '']]);
  t.end();
});

t.test('when blocks of several dimensions are joined by a view, then units follow them', (t) => {
  const s = new Symbolic();
  const joined = s.cat([s.parameter('q', 12, 5), s.parameter('k', 6, 5)], 0);
  const { atoms, of } = dimensionsOf(s.finish(s.view(joined, 6, 3, 5)));
  const [q, k] = [of[0]![0]!, of[1]![0]!];
  const leaves = (dim: typeof q) => [...atoms.leaves(dim)].map((leaf) => atoms.size(leaf));
  t.strictSame(leaves(q), [4, 3], 'heads of q, and their width');
  t.strictSame(leaves(k), [2, 3]);
  const width = (dim: typeof q) => [...atoms.leaves(dim)].at(-1);
  t.equal(width(q), width(k), 'one width for both');
  t.end();
});

t.test('when a view regroups what no blocks can express, then the dimension is a misfit', (t) => {
  const s = new Symbolic();
  const joined = s.cat([s.parameter('a', 4, 5), s.parameter('b', 5, 5)], 0);
  const { atoms, of } = dimensionsOf(s.finish(s.view(joined, 3, 3, 5)));
  const marks = atoms.marks();
  const misfit = (value: number) =>
    of[value]!.map((dim) =>
      [...atoms.leaves(dim)].some((leaf) => marks.get(leaf)?.has('misfit') ?? false),
    );
  t.strictSame(misfit(0), [true, false], 'three rows of a, and one that goes with rows of b');
  t.strictSame(misfit(1), [true, false]);
  t.end();
});

t.test('when a table is joined to a tensor, then what meets the table is marked', (t) => {
  const s = new Symbolic();
  const w = s.linear(s.parameter('x', 2, 7), s.parameter('w', 5, 7));
  const joined = s.cat([w, s.constant(2, 3)], 1);
  const { atoms, of } = dimensionsOf(s.finish(joined));
  const marks = atoms.marks();
  const fixed = (value: number, dim: number) =>
    [...atoms.leaves(of[value]![dim]!)].map((l) => marks.get(l)?.has('constant') ?? false);
  t.strictSame(fixed(0, 0), [true], 'rows meet the rows of the table');
  t.strictSame(fixed(1, 0), [false], 'columns lie beside those of the table');
  t.strictSame(fixed(joined, 1), [false, true], 'the joined columns, and which of them stay');
  t.end();
});

t.test('when a table comes first in a list that is joined, then the tensors still meet', (t) => {
  const s = new Symbolic();
  const [a, b] = [s.parameter('a', 3, 5), s.parameter('b', 3, 7)];
  const { atoms, of } = dimensionsOf(s.finish(s.cat([s.constant(3, 2), a, b], 1)));
  t.equal(atoms.find(of[a]![0]![0]!), atoms.find(of[b]![0]![0]!));
  t.ok(atoms.marks().get(atoms.find(of[a]![0]![0]!))?.has('constant'));
  t.end();
});

t.test('when repetition flattens several dimensions, then no rule is made up for it', (t) => {
  const use = one('repeat_interleave.self_int', [2, 3], { repeats: 4 }, '');
  t.throws(() => recorded(use), { code: 'GRAPH_INVALID', message: /repeat_interleave/ });
  t.end();
});

t.test('when an attribute is no whole number, then the error names it and the operator', (t) => {
  const s = new Symbolic();
  s.module = 'layers.2.mixer';
  const y = s.one('transpose.int', [['self', s.parameter('w', 2, 3)]], { dim0: 'x' }, [3, 2]);
  t.throws(() => dimensionsOf(s.finish(y)), {
    code: 'GRAPH_INVALID',
    message: /transpose\.int has dim0 = x/,
    facts: { module: 'layers.2.mixer' },
  });
  t.end();
});
