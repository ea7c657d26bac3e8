// The base parameters that groups of units touch, and sums of products over their dimensions.
import type { NodeGroup, Slice } from '../groups/group.js';
import { loraDelta } from '../lora/lora.js';
import { everyLinear } from '../lora/targets.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { sumByUnit } from '../saliency/saliency.js';
import { add, mul, sum, to, transpose } from '../tensor/ops.js';
import type { Tensor } from '../tensor/tensor.js';

/** A base parameter as it is stored, and the slices of the groups in it. */
export interface TouchedParameter {
  readonly tensor: Tensor;
  /** The linear whose weight it is. */
  readonly linear: Linear | null;
  readonly slices: readonly TouchedSlice[];
}

export interface TouchedSlice {
  readonly group: NodeGroup;
  readonly slice: Slice;
  /** One value per index of the slice's dimension → one per unit. */
  readonly sumByUnit: (values: ArrayLike<number>) => Float64Array;
}

export interface ParameterSet {
  readonly groups: readonly NodeGroup[];
  readonly parameters: readonly TouchedParameter[];
}

/** The groups in sets of at most `atOnce` weights that they touch, or of one group. */
export function parameterSets(
  model: Model,
  groups: readonly NodeGroup[],
  atOnce: number,
): ParameterSet[] {
  const tensors = new Map(model.parameters());
  const sets: NodeGroup[][] = [];
  let names = new Set<string>();
  let size = 0;
  for (const group of groups) {
    const own = new Set(group.slices.filter(({ lora }) => lora === null).map(({ param }) => param));
    const sizeOf = (list: Iterable<string>): number =>
      [...list].reduce((total, name) => total + (tensors.get(name)?.size ?? 0), 0);
    const more = sizeOf([...own].filter((name) => !names.has(name)));
    const set = sets.at(-1);
    if (!set || size + more > atOnce) {
      sets.push([group]);
      names = own;
      size = sizeOf(own);
    } else {
      set.push(group);
      for (const name of own) names.add(name);
      size += more;
    }
  }
  const linears = everyLinear(model);
  return sets.map((set) => ({ groups: set, parameters: touchedBy(set, tensors, linears) }));
}

function touchedBy(
  groups: readonly NodeGroup[],
  tensors: ReadonlyMap<string, Tensor>,
  linears: ReadonlyMap<string, Linear>,
): TouchedParameter[] {
  const slices = new Map<string, TouchedSlice[]>();
  for (const group of groups) {
    for (const slice of group.slices) {
      if (slice.lora !== null || !tensors.has(slice.param)) continue;
      const touched = {
        ...{ group, slice },
        sumByUnit: (values: ArrayLike<number>) => sumByUnit(slice, group.units, values),
      };
      slices.set(slice.param, [...(slices.get(slice.param) ?? []), touched]);
    }
  }
  return [...slices].map(([name, own]) => {
    const path = name.replace(/\.weight$/, '');
    const linear = path === name ? null : (linears.get(path) ?? null);
    return { tensor: tensors.get(name) as Tensor, linear, slices: own };
  });
}

/** The parameter with what LoRA adds to it, in float32, in its stored layout; may be the parameter itself. */
export function weightsOf({ tensor, linear }: TouchedParameter): Tensor {
  const base = to(tensor, tensor.device, 'float32');
  if (!linear?.lora) return base;
  const delta = to(loraDelta(linear.lora), tensor.device, 'float32'); // (out, in)
  return add(base, linear.layout === 'out-in' ? delta : transpose(delta, 0, 1));
}

/** Σ a·b over all dimensions but one, for each dimension along which the parameter has slices. */
export function productsOf(
  { slices, tensor }: TouchedParameter,
  a: Tensor,
  b: Tensor,
): Map<number, number[]> {
  const product = mul(a, b);
  const rank = tensor.shape.length;
  return new Map(
    [...new Set(slices.map(({ slice }) => slice.dim))].map((dim) => {
      const others = Array.from({ length: rank }, (_, d) => d).filter((d) => d !== dim);
      return [dim, (others.length === 0 ? product : sum(product, others)).toArray()];
    }),
  );
}
