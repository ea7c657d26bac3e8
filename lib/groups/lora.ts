// Low-rank factors, known by structure: W·x + s·B·(A·x) with the same x (paper §3.1, Fig. 2).
import type { Graph, Node, ValueId } from '../graph/graph.js';

const gentle = new Set(['aten::mul.Scalar', 'aten::dropout', 'aten::contiguous', 'aten::detach']);

interface LinearOf {
  readonly x: ValueId;
  readonly weight: ValueId;
  /** Without bias, its weight stored (out, in): as factors are. */
  readonly plain: boolean;
}

/** Factors by parameter id: A (r, in) reads x, B (out, r) is added to the base linear's output. */
export function loraFactors(graph: Graph): Map<ValueId, 'A' | 'B'> {
  const factors = new Map<ValueId, 'A' | 'B'>();
  const producer = (value: ValueId): Node | undefined =>
    graph.nodes[graph.values[value]?.producer ?? -1];

  /** Through scaling, dropout and casts, which do not change what a value means. */
  const origin = (value: ValueId): ValueId => {
    const node = producer(value);
    const [input] = node?.inputs ?? [];
    const passes = node && (gentle.has(node.op) || node.op.startsWith('aten::to.'));
    return passes && input ? origin(input.value) : value;
  };

  /** The parameter that a weight is: itself, or stored transposed as a Conv1D's. */
  const stored = (weight: ValueId): ValueId | undefined => {
    if (graph.values[weight]?.kind === 'parameter') return weight;
    const node = producer(weight);
    const [input] = node?.inputs ?? [];
    const turned = node?.op === 'aten::transpose.int' || node?.op === 'aten::t';
    return turned && input ? stored(input.value) : undefined;
  };

  /** Input and weight of the linear that made this value. */
  const linear = (value: ValueId): LinearOf | undefined => {
    const node = producer(origin(value));
    if (node?.op !== 'aten::linear') return undefined;
    const [x, weight, bias] = node.inputs;
    const parameter = weight && stored(weight.value);
    if (!x || parameter === undefined) return undefined;
    const plain = bias === undefined && parameter === weight?.value;
    return { x: origin(x.value), weight: parameter, plain };
  };

  /** Does this sum contain a linear of x? Earlier adapters may already be in it. */
  const reads = (value: ValueId, x: ValueId): boolean => {
    const direct = linear(value);
    if (direct) return direct.x === x;
    const node = producer(origin(value));
    return node?.op === 'aten::add.Tensor' && node.inputs.some((input) => reads(input.value, x));
  };

  for (const { op, inputs } of graph.nodes) {
    const [left, right] = inputs;
    if (op !== 'aten::add.Tensor' || !left || !right) continue;
    for (const [update, base] of [
      [right.value, left.value],
      [left.value, right.value],
    ] as const) {
      const up = linear(update);
      const down = up && linear(up.x);
      if (!up?.plain || !down?.plain || !reads(base, down.x)) continue;
      factors.set(down.weight, 'A').set(up.weight, 'B');
    }
  }
  return factors;
}
