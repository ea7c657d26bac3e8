// What must hold of every partition before anything is cut by it (design §1, principle 18).
import { LoraShearError } from '../errors.js';
import { type GraphData, type Value, elements, parametersOf } from '../graph/graph.js';
import { unitCost } from './cost.js';
import { type NodeGroup, type Partition, type Slice, composedKinds } from './group.js';

function fail(message: string, facts: Record<string, unknown>): never {
  throw new LoraShearError('PARTITION_INVALID', message, {
    hint: 'partition the traced graph again; a stored partition may be of another model',
    facts,
  });
}

/**
 * Checks that groups fit the graph's parameters, that every parameter dimension is described, that no index
 * is in two prunable groups, and that costs and the number of parameters are right.
 * @throws PARTITION_INVALID naming the first group or parameter that breaks a rule
 */
export function verifyPartition(partition: Partition, graph: GraphData): void {
  const parameters = new Map(parametersOf(graph).map((value) => [value.name ?? '', value]));
  const described = new Map<string, { start: number; end: number; group: NodeGroup }[]>();
  const ids = new Set<string>();
  for (const group of partition.groups) {
    if (ids.has(group.id)) fail(`two groups are called ${group.id}`, { group: group.id });
    ids.add(group.id);
    if (group.prunable === (group.reason !== undefined)) {
      fail(`${group.id} must be prunable or say why not`, { group: group.id });
    }
    const { least, units } = group;
    if (least !== undefined && group.prunable && !(least >= 1 && least < units)) {
      fail(`${group.id} is prunable, but ${least} of ${units} units must stay`, { least, units });
    }
    const found = group.slices.map((slice) => ({
      slice,
      value: checkSlice(group, slice, parameters),
    }));
    const cost = unitCost(
      group.units,
      found.map(({ slice, value }) => ({ slice, shape: value.shape })),
    );
    if (cost !== group.cost)
      fail(`a unit of ${group.id} costs ${cost}, not ${group.cost}`, { cost });
    if (composedKinds.has(group.kind)) continue; // whole parameters, which other groups describe
    for (const { param, dim, offset, outer, inner, only } of group.slices) {
      if (only !== undefined) continue; // as those
      const key = `${param}.${dim}`;
      const list = described.get(key) ?? [];
      list.push({ start: offset, end: offset + outer * group.units * inner, group });
      described.set(key, list);
    }
  }
  const lora = new Set<string>();
  for (const { slices } of partition.groups) {
    for (const slice of slices) if (slice.lora !== null) lora.add(slice.param);
  }
  let count = 0;
  for (const [name, value] of parameters) {
    if (!lora.has(name)) count += elements(value);
    value.shape.forEach((extent, dim) => {
      if (extent > 1) checkCover(name, dim, extent, described.get(`${name}.${dim}`) ?? []);
    });
  }
  if (count !== partition.parameters) {
    fail(`the model has ${count} parameters, not ${partition.parameters}`, { count });
  }
}

function checkSlice(group: NodeGroup, slice: Slice, parameters: ReadonlyMap<string, Value>): Value {
  const { param, dim, extent, offset, outer, inner, only } = slice;
  const value = parameters.get(param);
  if (!value) fail(`${group.id} names ${param}, which the model does not have`, { param });
  if (value.shape[dim] !== extent) {
    fail(
      `${group.id}: ${param} has ${value.shape[dim] ?? 'no'} indices in dim ${dim}, not ${extent}`,
      {
        param,
        shape: value.shape,
      },
    );
  }
  const whole = [offset, outer, inner, group.units].every((n) => Number.isInteger(n) && n >= 0);
  const length = only === undefined ? outer * group.units * inner : inner;
  if (!whole || offset + length > extent || (only ?? 0) >= Math.max(1, group.units)) {
    fail(`${group.id}: units of ${param} reach beyond its ${extent} indices`, { param, slice });
  }
  return value;
}

/** All indices are in some group, none is in two that may be cut. */
function checkCover(
  name: string,
  dim: number,
  extent: number,
  intervals: readonly { start: number; end: number; group: NodeGroup }[],
): void {
  let all = 0;
  let cut = 0;
  for (const { start, end, group } of intervals.toSorted((a, b) => a.start - b.start)) {
    if (start > all) break;
    all = Math.max(all, end);
    // A query head is a part of its key-value head: the two overlap, and a cut of both is their union.
    if (!group.prunable || group.kind === 'query_heads') continue;
    if (start < cut)
      fail(`${group.id} and another group both cut ${name} dim ${dim}`, { name, dim });
    cut = end;
  }
  if (all < extent)
    fail(`index ${all} of ${name} dim ${dim} is in no group`, { name, dim, index: all });
}
