// One trial of Alg. 3: the model without some units of a group, from the first place on where it differs from the dense one.
import { closeExperts } from '../compress/experts.js';
import { LoraShearError } from '../errors.js';
import type { NodeGroup } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import type { Module } from '../nn/module.js';
import type { PartHooks } from '../nn/pass.js';
import { consumersOf } from '../saliency/saliency.js';
import { mul } from '../tensor/ops.js';
import { floatTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { DensePass } from './dense_pass.js';

/** How the trials of a group are computed. */
export interface Way {
  /** Layer that is the first to differ. */
  readonly layer: number;
  /** The linear whose output is its part's, so that nothing before it is computed again; null: the layer is. */
  readonly last: { readonly linear: Linear; readonly part: Module } | null;
}

/** The linear that alone reads the group, in the part that it may be the end of. */
export function endOf(model: Model, group: NodeGroup): Way['last'] {
  const consumers = consumersOf(group);
  const [consumer] = consumers;
  const linears = model.linears();
  const inLinear = ({ param }: NodeGroup['slices'][number]): boolean =>
    linears.has(param.replace(/\.(weight|bias|lora_[AB]\.weight)$/, ''));
  // A norm over several units is another one without some of them.
  if (!group.slices.every(inLinear)) return null;
  if (group.layer === null || !consumer || consumers.length > 1) return null;
  const linear = linears.get(consumer.path);
  const parts = model.blocks[group.layer]?.parts.values() ?? [];
  const part = [...parts].find((module) =>
    [...module.modules('')].some(([, inner]) => inner === linear),
  );
  return linear && part ? { linear, part } : null;
}

/** @param dense a pass that kept the inputs of `last`: its output must be the part's, bit for bit */
export function wayOf(group: NodeGroup, last: Way['last'], dense: DensePass): Way {
  const layer = group.layer ?? 0;
  const input = last && dense.inputs.get(last.linear);
  const output = last && dense.outputs.get(last.part);
  if (!last || !input || !output) return { layer, last: null };
  const same = scoped(() => {
    const again = last.linear.forward(input);
    return Buffer.from(again.toBytes()).equals(Buffer.from(output.toBytes()));
  });
  return { layer, last: same ? last : null };
}

/**
 * What layer `way.layer` makes of the dense model's state when `units` are taken out (B, T, C), in the current scope.
 * The model is as it was when this returns or throws.
 */
export function trialState(
  dense: DensePass,
  { layer, last }: Way,
  group: NodeGroup,
  units: readonly number[],
): Tensor {
  const { model, tokens, states, outputs, inputs } = dense;
  const x = states[layer] as Tensor;
  if (!last) {
    const hidden = hide(model, group, units);
    try {
      return model.layer(layer, x, tokens, { hooks: hidden.hooks });
    } finally {
      hidden.restore();
    }
  }
  return scoped(() => {
    const { linear, part } = last;
    const changed = linear.forward(mul(inputs.get(linear) as Tensor, gateOf(linear, group, units)));
    const block = model.blocks[layer];
    const mlp = block?.parts.get('mlp');
    const given = (module: Module): Tensor | undefined => {
      if (module === part) return changed;
      // The feed-forward of a sequential block reads what attention wrote.
      return module === mlp && block?.sequential ? undefined : outputs.get(module);
    };
    return model.layer(layer, x, tokens, { hooks: { given } });
  });
}

/** 1 for features that stay (in), 0 for those of the units, in the current scope. */
function gateOf(linear: Linear, group: NodeGroup, units: readonly number[]): Tensor {
  const open = new Float32Array(linear.inFeatures).fill(1);
  const [consumer] = consumersOf(group);
  if (consumer) {
    for (const u of units)
      for (const i of sliceIndices(consumer.slice, group.units, u)) open[i] = 0;
  }
  return floatTensorOn(linear.weight.device, open, [linear.inFeatures], linear.weight.dtype);
}

/** Units that are out of the model until restore(); the hooks are for passes meanwhile. */
export interface Hidden {
  readonly hooks: PartHooks;
  restore(): void;
}

/**
 * Takes units out without touching a weight: what reads them does not see them, closed experts get no tokens, halves add
 * nothing, features of the width are zero wherever something writes them (also what embed() gave).
 * @throws CONFIG_INVALID for a kind that cannot be taken out so
 */
export function hide(model: Model, group: NodeGroup, units: readonly number[]): Hidden {
  const nothing = { hooks: {}, restore: () => undefined };
  if (units.length === 0) return nothing;
  switch (group.kind) {
    case 'experts': {
      const removed = new Map([[group.id, units]]);
      return { hooks: {}, restore: closeExperts(model, { groups: [group] }, removed).restore };
    }
    case 'sublayer':
    case 'layer': {
      const parts = model.blocks[group.layer ?? -1]?.parts;
      const own = [...(parts ?? [])].flatMap(([name, module]) =>
        group.kind === 'layer' || group.id.endsWith(`.${name}`) ? [module] : [],
      );
      return { ...nothing, hooks: { given: (part) => (own.includes(part) ? null : undefined) } };
    }
    case 'residual': {
      const open = new Float32Array(group.units).fill(1);
      for (const u of units) open[u] = 0;
      const gate = keep(floatTensorOn(model.device, open, [group.units], dtypeOf(model)));
      return { hooks: { written: (y) => mul(y, gate) }, restore: () => gate.dispose() };
    }
    case 'vocabulary': {
      throw new LoraShearError('CONFIG_INVALID', `${group.id} (vocabulary) has no trial`, {
        hint: 'a row of the vocabulary is no knowledge of a layer: leave the kind out of the analysis',
      });
    }
    default:
      return { hooks: {}, restore: gateOut(model, group, units).restore };
  }
}

const dtypeOf = (model: Model): Tensor['dtype'] =>
  [...model.parameters()][0]?.[1].dtype ?? 'float32';

/**
 * Hides the units, until restore(): what reads them does not see them, and what makes them makes zeros, which a norm over
 * several of them notices.
 */
export function gateOut(
  model: Model,
  group: NodeGroup,
  units: readonly number[],
): { restore(): void } {
  const gates: Tensor[] = [];
  const linears = model.linears();
  const undo: (() => void)[] = [];
  for (const slice of group.slices) {
    const linear = linears.get(slice.param.replace(/\.weight$/, ''));
    if (!linear || slice.lora !== null || !slice.param.endsWith('.weight')) continue;
    const open = new Float32Array(slice.extent).fill(1);
    for (const u of units) for (const i of sliceIndices(slice, group.units, u)) open[i] = 0;
    const { device, dtype } = linear.weight;
    const own = keep(floatTensorOn(device, open, [slice.extent], dtype));
    gates.push(own);
    const side = slice.role === 'consumer' ? 'gate' : 'outputGate';
    // Slices of one unit each, or of fused projections, close more of what others left open.
    const before = linear[side];
    const joined = before ? keep(mul(before, own)) : own;
    if (before) gates.push(joined);
    linear[side] = joined;
    undo.push(() => (linear[side] = before));
  }
  return {
    restore() {
      for (const each of undo.reverse()) each();
      for (const gate of gates) gate.dispose();
    },
  };
}
