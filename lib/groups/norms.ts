// The norms of a graph: what each averages over, and which weights scale its input (algorithm.md §1.5).
import type { Dimensions } from '../graph/dimensions.js';
import type { Graph, Node, ValueId } from '../graph/graph.js';
import { scalersOf } from './unit_algebra.js';

/** One norm y = (w + offset)·x/√(mean(x²) + ε) + b, by ids of the graph. */
export interface NormNode {
  readonly kind: 'rms' | 'layer';
  /** The parameter b. */
  readonly bias: ValueId | undefined;
  /** The parameter w; null for a norm without one, or with one for each head that is multiplied later. */
  readonly weight: ValueId | null;
  readonly offset: number;
  /** Classes that its mean runs over. */
  readonly over: ReadonlySet<number>;
  readonly input: ValueId;
  /** Parameters whose joint scaling scales the input; null where there are none. */
  readonly scalers: () => ReadonlySet<ValueId> | null;
}

/** All of them, in order. */
export function normsOf(graph: Graph, dimensions: Dimensions): NormNode[] {
  return graph.nodes.flatMap((node) => {
    if (node.op !== 'aten::rms_norm' && node.op !== 'aten::layer_norm') return [];
    const [input, given, bias] = ['input', 'weight', 'bias'].map((name) => operand(node, name));
    const kind = node.op === 'aten::rms_norm' ? 'rms' : 'layer';
    const found = given === undefined ? { weight: null, offset: 0 } : weightOf(graph, given);
    if (input === undefined || !found) return [];
    const last = dimensions.of[input]?.at(-1) ?? [];
    const over = dimensions.atoms.leaves(last);
    const scalers = (): ReturnType<typeof scalersOf> => scalersOf(graph, dimensions, input, over);
    return [{ kind, ...found, bias, over, input, scalers }];
  });
}

function operand(node: Node, name: string): ValueId | undefined {
  return node.inputs.find((ref) => ref.name === name)?.value;
}

/** A parameter, or one with a number added (Gemma stores w − 1). */
function weightOf(
  graph: Graph,
  value: ValueId,
  offset = 0,
): Pick<NormNode, 'weight' | 'offset'> | undefined {
  const { kind, producer } = graph.values[value] ?? {};
  if (kind === 'parameter') return { weight: value, offset };
  const node = graph.nodes[producer ?? -1];
  const self = node && operand(node, 'self');
  if (node?.op !== 'aten::add.Scalar' || self === undefined) return undefined;
  return weightOf(graph, self, offset + Number(node.attrs['other']));
}
