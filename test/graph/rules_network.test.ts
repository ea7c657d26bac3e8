import t from 'tap';
import { type Dimensions, dimensionsOf } from '../../lib/graph/dimensions.js';
import type { Mark } from '../../lib/graph/rule.js';
import { networkRules } from '../../lib/graph/rules_network.js';
import type { AtenName } from './aten.js';
import { type Use, checkRules, marksOf, recorded } from './rule_truth.js';
import { type Input, Symbolic } from './symbolic.js';

const norm = (op: AtenName, eps: number): Use => ({
  op,
  inputs: [
    ['input', 2, 5, 3],
    ['weight', 3],
  ],
  attrs: { normalized_shape: [3], eps },
  tied: 'a b c , c → a b c',
});
const product = (op: AtenName, left: number[], right: number[], tied: string): Use => ({
  op,
  inputs: [
    ['self', ...left],
    [op === 'matmul' ? 'other' : 'mat2', ...right],
  ],
  tied,
});

const uses: readonly Use[] = [
  {
    op: 'linear',
    inputs: [
      ['input', 2, 5, 3],
      ['weight', 7, 3],
      ['bias', 7],
    ],
    tied: 'a b c , d c , d → a b d',
  },
  {
    op: 'linear',
    inputs: [
      ['input', 3],
      ['weight', 7, 3],
    ],
    tied: 'a , b a → b',
  },
  product('matmul', [2, 5, 3], [3, 7], 'a b c , c d → a b d'),
  product('matmul', [3], [3, 7], 'a , a b → b'),
  product('matmul', [2, 5, 3], [3], 'a b c , c → a b'),
  product('matmul', [3], [3], 'a , a → '),
  product('matmul', [2, 6, 5, 3], [2, 6, 3, 7], 'a b c d , a b d e → a b c e'),
  product('matmul', [6, 5, 3], [2, 1, 3, 7], 'a b c , d · c e → d a b e'),
  product('matmul', [2, 1, 5, 3], [6, 3, 7], 'a · b c , d c e → a d b e'),
  product('matmul', [3], [6, 3, 7], 'a , b a c → b c'),
  product('bmm', [2, 5, 3], [2, 3, 7], 'a b c , a c d → a b d'),
  product('mm', [5, 3], [3, 7], 'a b , b c → a c'),
  {
    op: 'addmm',
    inputs: [
      ['self', 7],
      ['mat1', 5, 3],
      ['mat2', 3, 7],
    ],
    tied: 'a , b c , c a → b a',
  },
  {
    op: 'embedding',
    inputs: [
      ['weight', 11, 3],
      ['indices', 2, 5],
    ],
    tied: 'a b , c d → c d b',
  },
  norm('rms_norm', 1e-5),
  norm('layer_norm', 1e-5),
  {
    op: 'layer_norm',
    inputs: [
      ['input', 2, 5, 3],
      ['weight', 5, 3],
      ['bias', 5, 3],
    ],
    attrs: { normalized_shape: [5, 3] },
    tied: 'a b c , b c , b c → a b c',
  },
  {
    op: 'rms_norm',
    inputs: [['input', 2, 3]],
    attrs: { normalized_shape: [3], eps: 1e-5 },
    tied: 'a b → a b',
  },
  {
    op: 'scaled_dot_product_attention',
    inputs: [
      ['query', 2, 6, 5, 4],
      ['key', 2, 3, 7, 4],
      ['value', 2, 3, 7, 9],
    ],
    attrs: { enable_gqa: true },
    tied: 'a (bc) d e , a b f e , a b f g → a (bc) d g',
  },
  {
    op: 'scaled_dot_product_attention',
    inputs: [
      ['query', 2, 3, 5, 4],
      ['key', 2, 3, 7, 4],
      ['value', 2, 3, 7, 9],
      ['attn_mask', 3, 5, 7],
    ],
    tied: 'a b c d , a b e d , a b e f , b c e → a b c f',
  },
];

checkRules(t, networkRules, uses);

t.test('when a dimension has a part in attention, then its marks say which', (t) => {
  const [fused] = uses.filter(({ op }) => op === 'scaled_dot_product_attention');
  const [q, k, v] = marksOf(recorded(fused!));
  t.strictSame(q, ['', 'head', '', 'query_key_width']);
  t.strictSame(k, ['', 'head', '', 'query_key_width']);
  t.strictSame(v, ['', 'head', '', 'value_width']);
  const written = recorded(product('matmul', [2, 6, 5, 3], [2, 6, 3, 7], ''));
  t.strictSame(marksOf(written), [
    ['head', 'head', '', 'query_key_width'],
    ['head', 'head', 'query_key_width', 'value_width'],
  ]);
  const plain = recorded(product('matmul', [2, 5, 3], [3, 7], ''));
  t.strictSame(marksOf(plain).flat().join(''), '', 'a weight is no attention');
  t.end();
});

t.test('when a dimension is normalised or looked up, then it is marked', (t) => {
  t.strictSame(marksOf(recorded(norm('rms_norm', 1e-5)))[0], ['', '', 'root_mean_square']);
  const looked = uses.find(({ op }) => op === 'embedding')!;
  t.strictSame(marksOf(recorded(looked))[0], ['token_lookup', 'token_vector']);
  const s = new Symbolic();
  const positions = s.parameter('positions', 9, 3);
  const { atoms, of } = dimensionsOf(s.finish(s.embedding(positions, s.constant(5))));
  const marks = atoms.marks();
  t.strictSame(
    of[positions]!.map((dim) => [...(marks.get(dim[0]!) ?? [])]),
    [['position_lookup'], ['output']],
  );
  t.end();
});

t.test('when a contraction has a weight, then its sides are known: rows and columns', (t) => {
  const sides = (op: AtenName, inputs: Use['inputs'], which: number): string[] => {
    const { dimensions, given } = recorded({ op, inputs, tied: '' });
    return [0, 1].map((dim) => dimensions.role(given[which]!, dim));
  };
  const [x, w] = [
    ['input', 5, 3],
    ['weight', 7, 3],
  ] as const;
  t.strictSame(sides('linear', [x, w], 1), ['producer', 'consumer']);
  const { inputs } = product('mm', [5, 3], [3, 7], '');
  t.strictSame(sides('mm', inputs, 1), ['consumer', 'producer']);
  const looked = uses.find(({ op }) => op === 'embedding')!;
  t.strictSame(sides('embedding', looked.inputs, 0), ['consumer', 'producer']);
  t.end();
});

t.test('when two operators read one weight, then the first says which side is which', (t) => {
  const first: [string, (s: Symbolic, w: number) => number, string[]][] = [
    ['embedding', (s, w) => s.embedding(w, s.input(2, 3)), ['consumer', 'producer']],
    ['linear', (s, w) => s.linear(s.parameter('x', 2, 5), w), ['producer', 'consumer']],
    ['mm', (s, w) => mm(s, s.parameter('x', 2, 5), w), ['consumer', 'producer']],
  ];
  for (const [name, use, expected] of first) {
    for (const then of [(s: Symbolic, x: number, w: number) => s.linear(x, w), mm]) {
      const s = new Symbolic();
      const w = s.parameter('w', 5, 5);
      const { role } = dimensionsOf(s.finish(then(s, use(s, w), w)));
      t.strictSame([role(w, 0), role(w, 1)], expected, name);
    }
  }
  t.end();
});

function mm(s: Symbolic, x: number, w: number): number {
  const inputs: Input[] = [
    ['self', x],
    ['other', w],
  ];
  return s.one('matmul', inputs, {}, [...s.shape(x).slice(0, -1), s.shape(w)[1]!]);
}

/** x·w made of parameters, then `tail` on it; the sinks as `value.dimension`. */
function sinksOf(tail: (s: Symbolic, x: number) => number): string[] {
  const s = new Symbolic();
  const x = s.linear(s.parameter('x', 2, 3), s.parameter('w', 5, 3));
  const { sinks, of } = dimensionsOf(s.finish(tail(s, x)));
  return sinks.map(({ value, dim }) => `${value}.${of[value]!.indexOf(dim)}`);
}

t.test(
  'when an activation is contracted, then its dimension is a sink; that of a weight is not',
  (t) => {
    t.strictSame(
      sinksOf((s, x) => s.linear(x, s.parameter('v', 7, 5))),
      ['2.1'],
    );
    const both = sinksOf((s, x) => {
      const y = s.linear(s.parameter('z', 5, 3), s.parameter('u', 7, 3));
      return s.one(
        'mm',
        [
          ['self', x],
          ['mat2', y],
        ],
        {},
        [2, 7],
      );
    });
    t.strictSame(both, ['2.1', '5.0'], 'of two activations both');
    t.end();
  },
);

/** Whether all of a dimension bears the mark. */
function has(mark: Mark, { atoms, of }: Dimensions, value: number, dim: number): boolean {
  const marks = atoms.marks();
  return [...atoms.leaves(of[value]![dim]!)].every((leaf) => marks.get(leaf)?.has(mark) ?? false);
}

t.test('when a weight reads tokens or a table, then the dimension that it reads is fixed', (t) => {
  const s = new Symbolic();
  const [w, v] = [s.parameter('w', 5, 3), s.parameter('v', 7, 5)];
  const found = dimensionsOf(s.finish(s.linear(s.linear(s.input(2, 3), w), v)));
  t.strictSame(
    [has('constant', found, w, 1), has('constant', found, w, 0), has('constant', found, v, 1)],
    [true, false, false],
  );
  t.end();
});

function masked(heads: number, mask: (s: Symbolic) => number): [Dimensions, number] {
  const s = new Symbolic();
  const [q, k, v] = ['q', 'k', 'v'].map((name) => s.parameter(name, 2, heads, 5, 4));
  const inputs: Input[] = [
    ['query', q!],
    ['key', k!],
    ['value', v!],
    ['attn_mask', mask(s)],
  ];
  const y = s.one('scaled_dot_product_attention', inputs, { enable_gqa: false }, [2, heads, 5, 4]);
  return [dimensionsOf(s.finish(y)), k!];
}

t.test(
  'when a mask differs from head to head, then heads go with it, or stay if it is fixed',
  (t) => {
    const cases: [string, (s: Symbolic) => number, boolean][] = [
      ['a table for each head', (s) => s.constant(3, 5, 5), true],
      ['one table for all heads', (s) => s.constant(2, 1, 5, 5), false],
      ['a table without heads', (s) => s.constant(5, 5), false],
      ['made from parameters', (s) => s.parameter('slopes', 3, 5, 5), false],
    ];
    for (const [title, mask, fixed] of cases) {
      const [found, k] = masked(3, mask);
      t.equal(has('constant', found, k, 1), fixed, title);
    }
    const [{ atoms, of }, k] = masked(3, (s) => s.parameter('slopes', 3, 5, 5));
    t.equal(atoms.find(of[k]![1]![0]!), atoms.find(of[3]![0]![0]!), 'slopes go with their heads');
    t.end();
  },
);

t.test('when grouped heads come without enable_gqa, then that is an error', (t) => {
  const s = new Symbolic();
  s.module = 'layers.4.self_attn';
  const [q, k] = [s.parameter('q', 1, 4, 5, 6), s.parameter('k', 1, 2, 5, 6)];
  const inputs = [
    ['query', q],
    ['key', k],
    ['value', k],
  ] as const;
  const y = s.one('scaled_dot_product_attention', inputs, { enable_gqa: false }, [1, 4, 5, 6]);
  t.throws(() => dimensionsOf(s.finish(y)), {
    code: 'GRAPH_INVALID',
    message: /layers\.4\.self_attn .*enable_gqa/,
  });
  t.end();
});

t.test('when widths that must be equal are not, then that is an error', (t) => {
  const s = new Symbolic();
  const y = s.one(
    'linear',
    [
      ['input', s.parameter('x', 2, 3)],
      ['weight', s.parameter('w', 5, 4)],
    ],
    {},
    [2, 5],
  );
  t.throws(() => dimensionsOf(s.finish(y)), { code: 'GRAPH_INVALID', message: /3 and 4/ });
  t.end();
});
