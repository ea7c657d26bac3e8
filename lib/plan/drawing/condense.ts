// An operator graph as one looks at it: what only shows the same values anew is left out, equal layers are drawn once.
import type { Graph, Node, Value } from '../../graph/graph.js';

/** An operator that is drawn. */
export interface DrawnNode {
  readonly index: number;
  readonly op: string;
  readonly module: string;
  /** Parameters that it reads. */
  readonly parameters: readonly Value[];
  /** Drawn operators that it reads, by index; −1 is the tokens. */
  readonly sources: readonly number[];
  /** Number of the layer, null outside. */
  readonly layer: number | null;
}

/** Layers that follow each other and are drawn as the one they are like. */
export interface Fold {
  readonly first: number;
  readonly last: number;
  /** The layer that is drawn in full. */
  readonly like: number;
}

export interface Drawing {
  readonly nodes: readonly DrawnNode[];
  readonly folds: readonly Fold[];
  /** Drawn operator that makes the logits. */
  readonly result: number;
}

/** Drawn whatever they read. */
const always =
  /^aten::(scaled_dot_product_attention|softmax|silu|gelu|relu|tanh|sigmoid|embedding)/;

/** What a graph consists of once views, positions and scalings are left out. */
export function condense(graph: Graph): Drawing {
  const drawn: DrawnNode[] = [];
  /** Drawn operators that a value comes from. */
  const origins: (readonly number[])[] = graph.values.map(({ kind }) =>
    kind === 'input' ? [-1] : [],
  );
  const parametersOf = new Map<number, readonly Value[]>();
  graph.values.forEach((value) => {
    if (value.kind === 'parameter') parametersOf.set(value.id, [value]);
  });
  graph.nodes.forEach((node, index) => {
    const inputs = node.inputs.map(({ value }) => value);
    const sources = [...new Set(inputs.flatMap((value) => origins[value] ?? []))];
    const parameters = [...new Set(inputs.flatMap((value) => parametersOf.get(value) ?? []))];
    // A parameter in another form is that parameter; anything else from one source is that source.
    if (sources.length === 0) {
      for (const output of node.outputs) parametersOf.set(output, parameters);
      return;
    }
    const visible = parameters.length > 0 || sources.length > 1 || always.test(node.op);
    if (visible) {
      const layer = layerOf(node);
      drawn.push({ index, op: node.op, module: node.module, parameters, sources, layer });
    }
    for (const output of node.outputs) origins[output] = visible ? [index] : sources;
  });
  const [result = -1] = origins[graph.outputs[0] ?? -1] ?? [];
  return { nodes: drawn, folds: foldsOf(drawn), result };
}

function layerOf({ module }: Node): number | null {
  const part = module.split('.').find((name) => /^\d+$/.test(name));
  return part === undefined ? null : Number(part);
}

/** Runs of layers that do what an earlier one does. */
function foldsOf(nodes: readonly DrawnNode[]): Fold[] {
  const signatures = new Map<number, string[]>();
  for (const { layer, op, module, parameters } of nodes) {
    if (layer === null) continue;
    const known = signatures.get(layer) ?? [];
    signatures.set(layer, known);
    const place = module.replace(/(^|\.)\d+(?=\.|$)/, '$1*');
    known.push(JSON.stringify([op, place, parameters.map(({ shape }) => shape)]));
  }
  const first = new Map<string, number>();
  const folds: Fold[] = [];
  for (const [layer, parts] of [...signatures].sort(([a], [b]) => a - b)) {
    const signature = parts.join();
    const like = first.get(signature);
    const before = folds.at(-1);
    if (like === undefined) first.set(signature, layer);
    else if (before?.like === like && before.last === layer - 1) {
      folds[folds.length - 1] = { ...before, last: layer };
    } else folds.push({ first: layer, last: layer, like });
  }
  return folds;
}
