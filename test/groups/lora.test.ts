import t from 'tap';
import { loraFactors } from '../../lib/groups/lora.js';
import { Symbolic } from '../graph/symbolic.js';

interface Parts {
  readonly s: Symbolic;
  readonly x: number;
  readonly W: number;
  readonly A: number;
  readonly B: number;
}

/** The factors found in y = forward(…). */
function find(forward: (parts: Parts) => number): Record<string, string> {
  const s = new Symbolic();
  const x = s.input(2, 6);
  const [W, A, B] = [s.parameter('W', 5, 6), s.parameter('A', 2, 6), s.parameter('B', 5, 2)];
  const graph = s.finish(forward({ s, x, W, A, B }));
  return Object.fromEntries(
    [...loraFactors(graph)].map(([id, factor]) => [graph.values[id]?.name ?? '', factor]),
  );
}

t.test(
  'when W·x + s·B·(A·x) is added in either order, with dropout and casts, then A and B are known',
  (t) => {
    const update = ({ s, x, A, B }: Parts) => {
      const dropped = s.one('dropout', [['input', x]], { p: 0.1, train: true }, [2, 6]);
      const low = s.unary('to.dtype', s.linear(dropped, A));
      return s.unary('mul.Scalar', s.linear(low, B), { other: 2 });
    };
    const found = { A: 'A', B: 'B' };
    t.strictSame(
      find((p) => p.s.add(p.s.linear(p.x, p.W), update(p))),
      found,
    );
    t.strictSame(
      find((p) => p.s.add(update(p), p.s.linear(p.x, p.W))),
      found,
    );
    t.end();
  },
);

t.test(
  'when the base weight is stored transposed, then its factors are known all the same',
  (t) => {
    const turned = ({ s, x }: Parts) => {
      const W = s.parameter('C', 6, 5);
      return s.linear(x, s.one('transpose.int', [['self', W]], { dim0: 0, dim1: 1 }, [5, 6]));
    };
    const update = ({ s, x, A, B }: Parts) => s.linear(s.linear(x, A), B);
    t.strictSame(
      find((p) => p.s.add(turned(p), update(p))),
      { A: 'A', B: 'B' },
    );
    t.strictSame(
      find((p) => p.s.add(p.s.linear(p.x, p.W), p.s.linear(turned(p), p.s.parameter('D', 5, 5)))),
      {},
      'a factor is not',
    );
    t.end();
  },
);

t.test('when two adapters share a linear, then all factors are known', (t) => {
  const found = find(({ s, x, W, A, B }) => {
    const one = s.add(s.linear(x, W), s.linear(s.linear(x, A), B));
    const [C, D] = [s.parameter('C', 3, 6), s.parameter('D', 5, 3)];
    return s.add(one, s.linear(s.linear(x, C), D));
  });
  t.strictSame(found, { A: 'A', B: 'B', C: 'A', D: 'B' });
  t.end();
});

t.test(
  'when a low-rank product is not an update of a linear of the same input, then it is none',
  (t) => {
    t.strictSame(
      find(({ s, x, A, B }) => s.linear(s.linear(x, A), B)),
      {},
      'no base',
    );
    const other = ({ s, x, W, A, B }: Parts) =>
      s.add(s.linear(s.unary('silu', x), W), s.linear(s.linear(x, A), B));
    t.strictSame(find(other), {}, 'another input');
    const curved = ({ s, x, W, A, B }: Parts) =>
      s.add(s.linear(x, W), s.linear(s.unary('silu', s.linear(x, A)), B));
    t.strictSame(find(curved), {}, 'an adapter with an activation');
    const biased = ({ s, x, W, A, B }: Parts) =>
      s.add(s.linear(x, W), s.linear(s.linear(x, A), B, s.parameter('b', 5)));
    t.strictSame(find(biased), {}, 'a bias');
    t.end();
  },
);
