// All tied dimensions of a model as node groups: what can be removed as one, and why the rest cannot (paper §3.1).
import { createHash } from 'node:crypto';
import { type Dimensions, dimensionsOf } from '../graph/dimensions.js';
import { type Graph, type Value, elements, parametersOf } from '../graph/graph.js';
import type { Mark } from '../graph/rule.js';
import { type ClassFacts, kindOf, labelOf, structuralReason } from './classify.js';
import { unitCost } from './cost.js';
import type { GroupKind, NodeGroup, Partition, PartitionPolicy, Slice } from './group.js';
import { layoutOf } from './layout.js';
import { loraFactors } from './lora.js';
import { Naming } from './naming.js';
import { unitAlgebra } from './unit_algebra.js';

const defaultKinds: readonly GroupKind[] = ['attention_heads', 'mlp_channels'];

/** Slices of one class, with the parameters they are of. */
interface ClassSlices {
  readonly atom: number;
  readonly slices: { readonly slice: Slice; readonly value: Value }[];
}

/**
 * Partitions every parameter dimension of the graph into node groups, ordered by their first slice.
 * @throws GRAPH_RULE_MISSING, GRAPH_INVALID as {@link dimensionsOf}
 */
export function partition(graph: Graph, { kinds = defaultKinds }: PartitionPolicy = {}): Partition {
  const dimensions = dimensionsOf(graph);
  const factors = loraFactors(graph);
  const parameters = parametersOf(graph);
  const marks = dimensions.atoms.marks();
  const reads = readsByClass(dimensions);
  const naming = new Naming(parameters.map(({ name }) => name ?? ''));

  const groups = collect(dimensions, parameters, factors).map(({ atom, slices }): NodeGroup => {
    const units = dimensions.atoms.size(atom);
    const names = slices.map(({ slice }) => slice.param);
    const layer = naming.layerOf(names);
    const facts: ClassFacts = {
      marks: marks.get(atom) ?? new Set<Mark>(),
      slices: slices.map(({ slice }) => slice),
      units,
      layer,
    };
    let kind = kindOf(facts);
    let reason = structuralReason(kind, facts);
    let carriers: ReadonlySet<number> = new Set();
    if (reason === undefined) {
      const algebra = unitAlgebra(graph, dimensions, atom, reads.get(atom) ?? []);
      carriers = algebra.carriers;
      if (!algebra.vanishes) {
        const query = kind === 'attention_heads';
        if (query) kind = 'other';
        reason = query
          ? 'query heads share their key and value: an equal count per key-value head is not cut yet'
          : 'its units do not become zero with their weights';
      } else if (!kinds.includes(kind)) reason = 'not among the kinds to be cut';
    }
    const prunable = reason === undefined;
    return {
      id: naming.idOf(names, labelOf(kind, facts.marks)),
      kind,
      layer,
      units,
      slices: slices.map(({ slice, value }) => ({
        ...slice,
        carrier: prunable && slice.role === 'producer' && carriers.has(value.id),
      })),
      cost: unitCost(
        units,
        slices.map(({ slice, value }) => ({ slice, shape: value.shape })),
      ),
      prunable,
      ...(reason === undefined ? {} : { reason }),
    };
  });

  const base = parameters.filter(({ id }) => !factors.has(id));
  return {
    groups,
    parameters: base.reduce((total, value) => total + elements(value), 0),
    fingerprint: fingerprint(groups, parameters),
  };
}

/** Slices by class, in order of parameters, dimensions and offsets. */
function collect(
  { atoms, of, role }: Dimensions,
  parameters: readonly Value[],
  factors: ReadonlyMap<number, 'A' | 'B'>,
): ClassSlices[] {
  const classes = new Map<number, ClassSlices>();
  for (const value of parameters) {
    of[value.id]?.forEach((tree, dim) => {
      for (const { atom, offset, outer, inner } of layoutOf(atoms, tree)) {
        let found = classes.get(atom);
        if (!found) classes.set(atom, (found = { atom, slices: [] }));
        const slice: Slice = {
          param: value.name ?? '',
          dim,
          extent: value.shape[dim] ?? 0,
          offset,
          outer,
          inner,
          role: role(value.id, dim),
          lora: factors.get(value.id) ?? null,
          carrier: false,
        };
        found.slices.push({ slice, value });
      }
    });
  }
  return [...classes.values()];
}

/** For every class, the values that operators sum over it. */
function readsByClass({ atoms, sinks }: Dimensions): Map<number, number[]> {
  const reads = new Map<number, number[]>();
  for (const { value, dim } of sinks) {
    for (const atom of atoms.leaves(dim)) {
      const known = reads.get(atom);
      if (known) known.push(value);
      else reads.set(atom, [value]);
    }
  }
  return reads;
}

function fingerprint(groups: readonly NodeGroup[], parameters: readonly Value[]): string {
  const shapes = parameters.map(({ name, shape, aliases = [] }) => [name, shape, aliases]);
  return createHash('sha256')
    .update(JSON.stringify([groups, shapes]))
    .digest('hex');
}
