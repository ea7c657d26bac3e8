// A graph as Graphviz text: one box per operator, one frame per module.
import type { GraphData } from './graph.js';

const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

interface Frame {
  readonly boxes: string[];
  readonly frames: Map<string, Frame>;
}

const emptyFrame = (): Frame => ({ boxes: [], frames: new Map() });

function frameOf(root: Frame, path: string): Frame {
  let frame = root;
  for (const part of path === '' ? [] : path.split('.')) {
    let inner = frame.frames.get(part);
    if (!inner) frame.frames.set(part, (inner = emptyFrame()));
    frame = inner;
  }
  return frame;
}

function print(frame: Frame, path: string, indent: string): string[] {
  const lines = frame.boxes.map((box) => indent + box);
  for (const [part, inner] of frame.frames) {
    const name = path === '' ? part : `${path}.${part}`;
    lines.push(`${indent}subgraph ${quote(`cluster_${name}`)} {`);
    lines.push(`${indent}  label=${quote(part)};`);
    lines.push(...print(inner, name, `${indent}  `), `${indent}}`);
  }
  return lines;
}

/** Graphviz source; edges carry shapes. Render it with `dot -Tsvg`. */
export function toDot({ nodes, values, outputs }: GraphData): string {
  const root = emptyFrame();
  const edges: string[] = [];
  for (const { id, kind, name, producer } of values) {
    if (producer !== null || kind === 'intermediate') continue;
    const shape = kind === 'parameter' ? 'ellipse' : 'plaintext';
    const path = name === undefined ? '' : name.split('.').slice(0, -1).join('.');
    const label = name?.split('.').at(-1) ?? kind;
    frameOf(root, path).boxes.push(`v${id} [shape=${shape} label=${quote(label)}];`);
  }
  nodes.forEach(({ op, module, inputs }, index) => {
    frameOf(root, module).boxes.push(`n${index} [shape=box label=${quote(op)}];`);
    for (const { name, value } of inputs) {
      const from = values[value]?.producer;
      const source = from === null || from === undefined ? `v${value}` : `n${from}`;
      const label = `${name} ${values[value]?.shape.join('×') ?? ''}`;
      edges.push(`  ${source} -> n${index} [label=${quote(label)}];`);
    }
  });
  outputs.forEach((output, i) => {
    const from = values[output]?.producer;
    root.boxes.push(`out${i} [shape=plaintext label="output"];`);
    edges.push(`  ${from === null || from === undefined ? `v${output}` : `n${from}`} -> out${i};`);
  });
  return ['digraph forward {', ...print(root, '', '  '), ...edges, '}', ''].join('\n');
}
