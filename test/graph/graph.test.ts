import t from 'tap';
import { createGraph, elements, parametersOf } from '../../lib/graph/graph.js';
import { Symbolic } from './symbolic.js';

t.test('when a graph is made, then it cannot be changed and survives JSON', (t) => {
  const s = new Symbolic();
  const graph = s.finish(s.linear(s.input(2, 3), s.parameter('w', 4, 3)));
  t.throws(() => (graph.nodes as unknown[]).push({}));
  t.throws(() => Object.assign(graph.values[0]!, { id: 4 }));
  const stored = JSON.parse(JSON.stringify(graph)) as typeof graph;
  t.strictSame(createGraph(stored).toJSON(), graph.toJSON());
  t.end();
});

t.test('when parameters are listed, then only they are, with their sizes', (t) => {
  const s = new Symbolic();
  const graph = s.finish(s.linear(s.input(2, 3), s.parameter('w', 4, 3)));
  t.strictSame(
    parametersOf(graph).map((value) => [value.name, elements(value)]),
    [['w', 12]],
  );
  t.end();
});
