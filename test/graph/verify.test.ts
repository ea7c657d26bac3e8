import t from 'tap';
import type { GraphData } from '../../lib/graph/graph.js';
import { verifyGraph } from '../../lib/graph/verify.js';
import { symbolicLlama } from '../groups/symbolic_llama.js';
import { Symbolic } from './symbolic.js';

/** The same, to be written to. */
type Draft<T> = { -readonly [K in keyof T]: Draft<T[K]> };

/** x · w with one thing changed. */
function broken(change: (draft: Draft<GraphData>) => void): GraphData {
  const s = new Symbolic();
  const y = s.linear(s.input(2, 3), s.parameter('w', 4, 3));
  const draft = JSON.parse(JSON.stringify(s.finish(s.unary('neg', y)))) as Draft<GraphData>;
  change(draft);
  return draft;
}

t.test('when a graph is whole, then it passes, also from its JSON', (t) => {
  t.doesNotThrow(() => verifyGraph(symbolicLlama()));
  t.doesNotThrow(() => verifyGraph(broken(() => undefined)));
  t.end();
});

const faults: Record<string, (draft: Draft<GraphData>) => void> = {
  'a value has another id': (g) => (g.values[1]!.id = 7),
  'a shape is not whole': (g) => (g.values[0]!.shape = [2, 1.5]),
  'a parameter has no name': (g) => delete g.values[1]!.name,
  'an alias is another parameter': (g) => (g.values[1]!.aliases = ['w']),
  'nothing makes an intermediate': (g) => (g.values[2]!.producer = null),
  'a node makes a parameter': (g) => (g.values[1]!.producer = 0),
  'a producer does not know its value': (g) => (g.values[2]!.producer = 1),
  'a node reads what comes later': (g) => void g.nodes.reverse(),
  'a node is missing': (g) => void g.nodes.pop(),
  'there is no output': (g) => (g.outputs = []),
  'the output does not exist': (g) => (g.outputs = [99]),
};

for (const [what, change] of Object.entries(faults)) {
  t.test(`when ${what}, then the graph is refused`, (t) => {
    t.throws(() => verifyGraph(broken(change)), { code: 'GRAPH_INVALID' });
    t.end();
  });
}
