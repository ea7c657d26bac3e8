import t from 'tap';
import type { Graph } from '../../lib/graph/graph.js';
import { verifyAgreement } from '../../lib/trace/agree.js';
import { Symbolic } from '../graph/symbolic.js';

const [p, q] = [
  { batch: 2, length: 5 },
  { batch: 3, length: 8 },
];

/** tokens → embedding → view to `size`. */
function graph(batch: number, length: number, size: number[], op = 'view'): Graph {
  const s = new Symbolic();
  const table = s.parameter('table', 9, 4);
  const x = s.embedding(table, s.input(batch, length));
  return s.finish(s.one(op, [['self', x]], { size }, size));
}

t.test('when sizes are the same expressions of batch and length, then the traces agree', (t) => {
  const pairs = [
    [
      [2, 5, 4],
      [3, 8, 4],
    ],
    [
      [10, 4],
      [24, 4],
    ],
    [
      [8, 5],
      [12, 8],
    ],
    [[40], [96]],
    [
      [2, 4, 4],
      [3, 7, 4],
    ],
  ] as const;
  for (const [a, b] of pairs) {
    t.doesNotThrow(() => verifyAgreement(graph(2, 5, [...a]), p, graph(3, 8, [...b]), q));
  }
  t.end();
});

t.test('when a size follows no expression of batch and length, then they do not', (t) => {
  t.throws(() => verifyAgreement(graph(2, 5, [10, 4]), p, graph(3, 8, [25, 4]), q), {
    code: 'GRAPH_INVALID',
    message: /aten::view gets another size/,
  });
  t.throws(() => verifyAgreement(graph(2, 5, [10, 4]), p, graph(3, 8, [24, 2, 2]), q), {
    code: 'GRAPH_INVALID',
  });
  t.end();
});

t.test('when another operator runs, or one more, then they do not', (t) => {
  const a = graph(2, 5, [10, 4]);
  t.throws(() => verifyAgreement(a, p, graph(3, 8, [24, 4], 'reshape'), q), {
    message: /aten::view in one is aten::reshape/,
  });
  const s = new Symbolic();
  const x = s.embedding(s.parameter('table', 9, 4), s.input(3, 8));
  t.throws(() => verifyAgreement(a, p, s.finish(x), q), { message: /runs in one of them only/ });
  t.end();
});
