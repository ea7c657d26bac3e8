import t from 'tap';
import { toDot } from '../../lib/graph/dot.js';
import { symbolicLlama } from '../groups/symbolic_llama.js';
import { Symbolic } from './symbolic.js';

t.test('when a graph is drawn, then nodes stand in their modules and edges carry shapes', (t) => {
  const s = new Symbolic();
  s.module = 'layers.0.up';
  const y = s.linear(s.input(2, 3), s.parameter('layers.0.up.weight', 4, 3));
  t.equal(
    toDot(s.finish(y)),
    [
      'digraph forward {',
      '  v0 [shape=plaintext label="input"];',
      '  out0 [shape=plaintext label="output"];',
      '  subgraph "cluster_layers" {',
      '    label="layers";',
      '    subgraph "cluster_layers.0" {',
      '      label="0";',
      '      subgraph "cluster_layers.0.up" {',
      '        label="up";',
      '        v1 [shape=ellipse label="weight"];',
      '        n0 [shape=box label="aten::linear"];',
      '      }',
      '    }',
      '  }',
      '  v0 -> n0 [label="input 2×3"];',
      '  v1 -> n0 [label="weight 4×3"];',
      '  n0 -> out0;',
      '}',
      '',
    ].join('\n'),
  );
  t.end();
});

t.test('when a model is drawn, then brackets close and every node is there once', (t) => {
  const graph = symbolicLlama({ layers: 1 });
  const text = toDot(graph);
  t.equal(text.split('{').length, text.split('}').length);
  t.equal(text.match(/shape=box/g)?.length, graph.nodes.length);
  t.end();
});
