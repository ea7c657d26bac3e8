// All tied dimensions of a model as node groups: what can be removed as one, and why the rest cannot (paper §3.1).
import { createHash } from 'node:crypto';
import { type Dimensions, type Sink, dimensionsOf } from '../graph/dimensions.js';
import { type Graph, type Value, elements, parametersOf } from '../graph/graph.js';
import type { Mark } from '../graph/rule.js';
import { type ClassFacts, kindOf, labelOf, notAsked, structuralReason } from './classify.js';
import { unitCost } from './cost.js';
import { composedGroups } from './composed.js';
import { expertKeys, expertSlices, expertsOf } from './experts.js';
import type { GroupKind, NodeGroup, NormUse, Partition, PartitionPolicy, Slice } from './group.js';
import { layoutOf } from './layout.js';
import { loraFactors } from './lora.js';
import { Naming } from './naming.js';
import { type NormNode, normsOf } from './norms.js';
import { eachQueryHead } from './query_heads.js';
import { unitAlgebra } from './unit_algebra.js';

const defaultKinds: readonly GroupKind[] = ['attention_heads', 'mlp_channels', 'expert_channels'];

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
  const byName = new Map(parameters.map((value) => [value.name ?? '', value]));
  const naming = new Naming(parameters.map(({ name }) => name ?? ''));

  const norms = normsOf(graph, dimensions);
  const idOf = new Map<number, string>();

  const experts = expertsOf(graph, dimensions, marks);
  const expertOf = expertKeys(experts);
  const classes = collect(dimensions, parameters, factors).map(({ atom, slices }) => {
    const own = experts.get(atom);
    return {
      atom,
      slices: own ? [...slices, ...expertSlices(own, graph, dimensions, factors)] : slices,
    };
  });
  const groups = classes.map(({ atom, slices }): NodeGroup => {
    const units = dimensions.atoms.size(atom);
    const names = slices.map(({ slice }) => slice.param);
    const layer = naming.layerOf(names);
    const facts: ClassFacts = {
      marks: marks.get(atom) ?? new Set<Mark>(),
      slices: slices.map(({ slice }) => slice),
      units,
      layer,
      experts: experts.get(atom),
      inExpert: allSame(slices.map(({ value }) => expertOf.get(value.id))),
    };
    let kind = kindOf(facts);
    let reason = structuralReason(kind, facts);
    let carriers: ReadonlySet<number> = new Set();
    const asked =
      kinds.includes(kind) || (kind === 'attention_heads' && kinds.includes('query_heads'));
    if (reason === undefined && !asked) reason = notAsked(kind);
    // An expert is taken out by its logit, not by zeros.
    if (reason === undefined && kind !== 'experts') {
      const algebra = unitAlgebra(graph, dimensions, atom, reads.get(atom) ?? []);
      carriers = algebra.carriers;
      // Queries that are zero look at all keys alike: only the columns that read a query head make it vanish.
      if (kind === 'attention_heads' && !algebra.vanishes) kind = 'query_heads';
      if (kind !== 'vocabulary' && !algebra.vanishes && !algebra.readByWeights) {
        reason = 'its units do not become zero with their weights';
      } else if (kind === 'residual' && !algebra.vanishes) {
        reason = 'what is not zero in it would change its norms';
      } else if (!kinds.includes(kind)) reason = notAsked(kind);
      else
        reason = normReason(
          graph,
          kind,
          norms.filter(({ over }) => over.has(atom)),
        );
    }
    const prunable = reason === undefined;
    const id = naming.idOf(names, labelOf(kind, facts.marks));
    idOf.set(atom, id);
    const group: NodeGroup = {
      id,
      kind,
      layer,
      units,
      ...(facts.experts ? { least: facts.experts.least } : {}),
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
    return prunable && kind === 'query_heads' ? eachQueryHead(group, byName) : group;
  });
  groups.push(...composedGroups({ graph, dimensions, factors, naming, groups, kinds }));

  const base = parameters.filter(({ id }) => !factors.has(id));
  const used = usesOf(graph, norms, groups, idOf);
  return {
    groups,
    ...(used.length > 0 ? { norms: used } : {}),
    parameters: base.reduce((total, value) => total + elements(value), 0),
    fingerprint: fingerprint(groups, parameters),
  };
}

/** Why a cut of what these norms average over could not be made up for; undefined where it could. */
function normReason(graph: Graph, kind: GroupKind, norms: readonly NormNode[]): string | undefined {
  // ε of the norms over the residual width is written anew; for the others it stays, and their inputs are scaled.
  const stuck =
    kind === 'residual'
      ? undefined
      : norms.find(({ scalers, weight }) => weight === null || !scalers());
  if (!stuck) return undefined;
  const name = graph.values[stuck.weight ?? -1]?.name ?? 'without weights';
  return `the norm ${name} averages over it, and no weights alone make its input`;
}

/** The norms that a cut of a prunable group concerns. */
function usesOf(
  graph: Graph,
  norms: readonly NormNode[],
  groups: readonly NodeGroup[],
  idOf: ReadonlyMap<number, string>,
): NormUse[] {
  const byId = new Map(groups.map((group) => [group.id, group]));
  const overOf = ({ over }: NormNode): NodeGroup[] =>
    [...over].flatMap((atom) => byId.get(idOf.get(atom) ?? '') ?? []);
  const residual = groups.some(({ kind, prunable }) => kind === 'residual' && prunable);
  return norms.flatMap((norm) => {
    const over = overOf(norm);
    const wide = over.some(({ kind }) => kind === 'residual');
    const centred = norm.kind === 'layer' && wide;
    if (!residual && !centred && !over.some(({ prunable }) => prunable)) return [];
    const scalers = wide ? [] : [...(norm.scalers() ?? [])];
    const name = (id: number): string => graph.values[id]?.name ?? '';
    return [
      {
        kind: norm.kind,
        ...(norm.weight === null ? {} : { weight: name(norm.weight) }),
        ...(norm.bias === undefined ? {} : { bias: name(norm.bias) }),
        offset: norm.offset,
        over: over.map(({ id }) => id),
        scalers: scalers.map(name),
      },
    ];
  });
}

/** Are all of them the same, and none undefined? */
function allSame(keys: readonly (string | undefined)[]): boolean {
  return keys[0] !== undefined && keys.every((key) => key === keys[0]);
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
function readsByClass({ atoms, sinks }: Dimensions): Map<number, Sink[]> {
  const reads = new Map<number, Sink[]>();
  for (const sink of sinks) {
    for (const atom of atoms.leaves(sink.dim)) {
      const known = reads.get(atom);
      if (known) known.push(sink);
      else reads.set(atom, [sink]);
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
