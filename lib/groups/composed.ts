// Whole sublayers and layers: what a residual sum adds, if nothing else needs it (depth pruning).
import type { Dimensions } from '../graph/dimensions.js';
import { type Graph, type ValueId, elements } from '../graph/graph.js';
import type { GroupKind, NodeGroup, Slice } from './group.js';
import type { Naming } from './naming.js';
import { vanishesWithout } from './unit_algebra.js';

export interface ComposedInput {
  readonly graph: Graph;
  readonly dimensions: Dimensions;
  readonly factors: ReadonlyMap<ValueId, 'A' | 'B'>;
  readonly naming: Naming;
  /** Groups of dimensions, which say what is attention. */
  readonly groups: readonly NodeGroup[];
  readonly kinds: readonly GroupKind[];
}

/** x + branch(x): the parameters that only the branch reads. */
interface Branch {
  readonly result: ValueId;
  /** What it is added to. */
  readonly stream: ValueId;
  /** Node that adds it. */
  readonly sum: number;
  readonly parameters: readonly ValueId[];
  readonly layer: number;
}

/** One group of one unit for each sublayer and each layer, as far as they are asked for. */
export function composedGroups(input: ComposedInput): NodeGroup[] {
  const { kinds, naming, graph } = input;
  const asked = (kind: GroupKind): boolean => kinds.includes(kind);
  if (!asked('sublayer') && !asked('layer')) return [];
  const readers = readersOf(graph);
  const branches = findBranches(input, readers);
  const attention = attentionParameters(input.groups);
  const found: NodeGroup[] = [];
  if (asked('sublayer')) {
    for (const { parameters, layer } of branches) {
      const isAttention = parameters.some((id) => attention.has(graph.values[id]?.name ?? ''));
      const id = naming.placed(layer, isAttention ? 'attention' : 'mlp');
      found.push(groupOf(input, id, 'sublayer', layer, parameters));
    }
  }
  if (asked('layer')) {
    const layers = new Set(branches.map(({ layer }) => layer));
    for (const layer of [...layers].sort((a, b) => a - b)) {
      const own = branches.filter((branch) => branch.layer === layer);
      // A norm that its halves share goes with both.
      const { parameters: exclusively } = exclusive(graph, readers, own);
      const parameters = [...exclusively].sort((a, b) => a - b);
      const group = groupOf(input, naming.placed(layer, 'all'), 'layer', layer, parameters);
      const rest = input.graph.values.find(
        ({ id, kind, name = '' }) =>
          kind === 'parameter' && naming.layerOf([name]) === layer && !parameters.includes(id),
      );
      const reason = `${rest?.name ?? ''} of it is in no residual sum`;
      found.push(rest ? { ...group, prunable: false, reason } : group);
    }
  }
  return found;
}

function groupOf(
  { graph, factors }: ComposedInput,
  id: string,
  kind: GroupKind,
  layer: number,
  parameters: readonly ValueId[],
): NodeGroup {
  const slices = parameters.map((parameter): Slice => {
    const { name = '', shape = [] } = graph.values[parameter] ?? {};
    const extent = shape[0] ?? 1;
    return {
      ...{ param: name, dim: 0, extent, offset: 0, outer: 1, inner: extent },
      ...{ role: 'producer', lora: factors.get(parameter) ?? null, carrier: false },
    };
  });
  const cost = parameters
    .filter((parameter) => !factors.has(parameter))
    .reduce((sum, parameter) => sum + elements(graph.values[parameter] ?? nothing), 0);
  return { id, kind, layer, units: 1, slices, cost, prunable: true };
}

const nothing = { id: -1, shape: [0], kind: 'constant', producer: null } as const;

/** Parameters that have heads in them. */
function attentionParameters(groups: readonly NodeGroup[]): ReadonlySet<string> {
  const heads = groups.filter(({ kind }) => kind === 'attention_heads' || kind === 'head_dim');
  return new Set(heads.flatMap(({ slices }) => slices.map(({ param }) => param)));
}

/** For every value, the nodes that read it. */
function readersOf({ nodes, values }: Graph): number[][] {
  const readers: number[][] = values.map(() => []);
  nodes.forEach(({ inputs }, index) => {
    for (const { value } of inputs) readers[value]?.push(index);
  });
  return readers;
}

/** All residual sums whose branch becomes zero with its parameters, in order. */
function findBranches(
  { graph, dimensions, factors, naming }: ComposedInput,
  readers: readonly (readonly number[])[],
): Branch[] {
  const { nodes, values } = graph;
  const branches: Branch[] = [];
  nodes.forEach((node, index) => {
    const [a, b] = node.inputs;
    if (node.op !== 'aten::add.Tensor' || !a || !b) return;
    for (const [stream, result] of [
      [a.value, b.value],
      [b.value, a.value],
    ] as const) {
      const branch = exclusive(graph, readers, [{ result, stream, sum: index }]);
      const parameters = [...branch.parameters].sort((x, y) => x - y);
      const base = parameters.filter((id) => !factors.has(id));
      if (base.length === 0 || !readsStream(graph, branch.entries, stream)) continue;
      const layer = naming.layerOf(base.map((id) => values[id]?.name ?? ''));
      if (layer === null) continue;
      if (vanishesWithout(graph, dimensions, result, branch.parameters)) {
        branches.push({ result, stream, sum: index, parameters, layer });
      }
    }
  });
  return branches;
}

/** Nodes that only what is added needs; the parameters they read, and the values they read from outside. */
function exclusive(
  { nodes, values }: Graph,
  readers: readonly (readonly number[])[],
  sums: readonly Pick<Branch, 'result' | 'stream' | 'sum'>[],
): { parameters: Set<ValueId>; entries: Set<ValueId> } {
  const inside = new Set(sums.map(({ sum }) => sum));
  const streams = new Set(sums.map(({ stream }) => stream));
  const only = (value: ValueId): boolean => (readers[value] ?? []).every((n) => inside.has(n));
  const waiting = sums.map(({ result }) => result);
  const read = new Set<ValueId>();
  // A value joins once all its readers have: it is looked at again whenever another of them does.
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    read.add(value);
    const producer = values[value]?.producer ?? null;
    if (producer === null || inside.has(producer) || streams.has(value)) continue;
    if (!(nodes[producer]?.outputs ?? []).every(only)) continue;
    inside.add(producer);
    for (const input of nodes[producer]?.inputs ?? []) waiting.push(input.value);
  }
  const parameters = new Set<ValueId>();
  const entries = new Set<ValueId>();
  for (const value of read) {
    const { kind, producer } = values[value] ?? {};
    if (kind === 'parameter' && only(value)) parameters.add(value);
    else if (kind === 'intermediate' && !inside.has(producer ?? -1)) entries.add(value);
  }
  return { parameters, entries };
}

/** Does the branch start from the stream: from its last value, a norm of it, or what it was before an earlier sum? */
function readsStream(graph: Graph, entries: ReadonlySet<ValueId>, stream: ValueId): boolean {
  const before = new Set<ValueId>([stream]);
  for (const value of before) {
    const node = graph.nodes[graph.values[value]?.producer ?? -1];
    // Sums of the same block: two at most, three terms in all.
    if (node?.op === 'aten::add.Tensor' && before.size < 8) {
      for (const input of node.inputs) before.add(input.value);
    }
  }
  for (const entry of entries) {
    if (before.has(entry)) return true;
    const node = graph.nodes[graph.values[entry]?.producer ?? -1];
    if (node && node.op.endsWith('_norm') && before.has(node.inputs[0]?.value ?? -1)) return true;
  }
  return false;
}
