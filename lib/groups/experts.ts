// Mixtures of experts in a graph: a softmax over experts, each of which is weighted by its own column of the shares.
import type { Dimensions } from '../graph/dimensions.js';
import type { Graph, Node, Value, ValueId } from '../graph/graph.js';
import { type Mark, fromFront } from '../graph/rule.js';
import type { Slice } from './group.js';

/** The experts of one router. */
export interface Experts {
  /** Class whose units they are: rows of the router, columns of the shares. */
  readonly atom: number;
  readonly units: number;
  /** Experts that each token goes to. */
  readonly least: number;
  /** Parameters that one expert alone needs, with its number. */
  readonly of: ReadonlyMap<ValueId, number>;
}

/** An expert of which a value is a part: no other expert needs it, nor does anything else. */
interface Owner {
  readonly atom: number;
  readonly expert: number;
}

/** Marks of a class that is chosen from and nothing else; removing a unit of it is then what a logit of −∞ does. */
const chosen: ReadonlySet<Mark> = new Set<Mark>(['softmax', 'indexed']);

/** Operators that leave a share what it is. */
const gentle = /^aten::(unsqueeze|view|reshape|expand|contiguous|to\..*)$/;

/** By class. Time and memory are linear in the graph. */
export function expertsOf(
  graph: Graph,
  dimensions: Dimensions,
  marks: ReadonlyMap<number, ReadonlySet<Mark>>,
): Map<number, Experts> {
  const shares = new Map<ValueId, Owner>();
  const least = new Map<number, number>();
  /** The class along the dimension that this operator works on, if it is one that is chosen from. */
  const along = ({ inputs, attrs }: Node): number | undefined => {
    const self = inputs[0] ? (dimensions.of[inputs[0].value] ?? []) : [];
    const dim = self[fromFront(Number(attrs['dim']), self.length)] ?? [];
    const [atom, ...others] = dimensions.atoms.leaves(dim);
    const own = atom === undefined || others.length > 0 ? undefined : marks.get(atom);
    const only = own?.size === chosen.size && [...own].every((mark) => chosen.has(mark));
    return only ? atom : undefined;
  };
  const products = new Map<Node, Owner>();
  for (const node of graph.nodes) {
    const [first] = node.inputs;
    const [output] = node.outputs;
    if (!first || output === undefined) continue;
    const share = shares.get(first.value);
    if (node.op === 'aten::select.int') {
      const atom = along(node);
      const index = Number(node.attrs['index']);
      if (atom === undefined) continue;
      shares.set(output, { atom, expert: fromFront(index, dimensions.atoms.size(atom)) });
    } else if (node.op === 'aten::topk') {
      const atom = along(node);
      if (atom !== undefined) least.set(atom, Number(node.attrs['k']));
    } else if (share && gentle.test(node.op)) shares.set(output, share);
    else if (node.op === 'aten::mul.Tensor') {
      const owners = node.inputs.map(({ value }) => shares.get(value));
      const owner = owners.find((one) => one !== undefined);
      if (owner && owners.includes(undefined)) products.set(node, owner);
    }
  }
  const owned = new Map<number, Map<ValueId, number>>();
  for (const [value, { atom, expert }] of ownersOf(graph, products, shares)) {
    if (graph.values[value]?.kind !== 'parameter') continue;
    const of = owned.get(atom) ?? new Map<ValueId, number>();
    owned.set(atom, of.set(value, expert));
  }
  const found = new Map<number, Experts>();
  for (const [atom, of] of owned) {
    const units = dimensions.atoms.size(atom);
    // Every one must have something of its own: else they are no experts.
    if (new Set(of.values()).size < units) continue;
    found.set(atom, { atom, units, least: least.get(atom) ?? 1, of });
  }
  return found;
}

/** Values that one expert alone needs, found from the outputs back. */
function ownersOf(
  { nodes, outputs }: Graph,
  products: ReadonlyMap<Node, Owner>,
  shares: ReadonlyMap<ValueId, Owner>,
): Map<ValueId, Owner> {
  const needed = new Map<ValueId, Owner | null>(outputs.map((output) => [output, null]));
  const need = (value: ValueId, owner: Owner | null): void => {
    const known = needed.get(value);
    const same = known?.atom === owner?.atom && known?.expert === owner?.expert;
    if (known === undefined) needed.set(value, owner);
    else if (!same) needed.set(value, null);
  };
  for (const node of nodes.toReversed()) {
    const reached = node.outputs.filter((output) => needed.has(output));
    const [first] = reached;
    if (first === undefined) continue;
    const owners = reached.map((output) => needed.get(output) ?? null);
    const owner = owners.every((one) => one === owners[0]) ? (owners[0] ?? null) : null;
    const expert = products.get(node);
    for (const { value } of node.inputs) {
      need(value, expert && !shares.has(value) ? expert : owner);
    }
  }
  return new Map([...needed].filter((entry): entry is [ValueId, Owner] => entry[1] !== null));
}

/** The expert that a parameter belongs to, as a text that names no other of any router. */
export function expertKeys(experts: ReadonlyMap<number, Experts>): Map<ValueId, string> {
  const keys = new Map<ValueId, string>();
  for (const { atom, of } of experts.values()) {
    for (const [id, expert] of of) keys.set(id, `${atom}.${expert}`);
  }
  return keys;
}

/** Each parameter of each expert as a slice of that unit alone, in order of registration. */
export function expertSlices(
  { of }: Experts,
  { values }: Graph,
  { role }: Dimensions,
  factors: ReadonlyMap<ValueId, 'A' | 'B'>,
): { slice: Slice; value: Value }[] {
  return values.flatMap((value) => {
    const only = of.get(value.id);
    if (only === undefined) return [];
    const { id, name = '', shape } = value;
    const extent = shape[0] ?? 1;
    const slice: Slice = {
      ...{ param: name, dim: 0, extent, offset: 0, outer: 1, inner: extent },
      ...{ role: role(id, 0), lora: factors.get(id) ?? null, carrier: false, only },
    };
    return [{ slice, value }];
  });
}
