// Units whose weights are zero but whose biases are not say the same to every token: that goes into their readers' biases.
import type { Partition } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import type { Linear } from '../nn/linear.js';
import { noGrad } from '../tensor/autograd.js';
import { reshape } from '../tensor/ops.js';
import { floatTensorOn, longTensorOn } from '../tensor/placed.js';
import { keep, scoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Removed, invalidCut } from './losses.js';

/** A linear that reads removed units, and which of its inputs those are. */
interface Reader {
  readonly linear: Linear;
  readonly inputs: Set<number>;
  /** Its inputs for two different tokens. */
  seen: readonly [Float32Array, Float32Array] | undefined;
}

/** Differences between tokens below this share of the constant are rounding. */
const constantTolerance = 1e-5;

/**
 * What the biases of the removed units' readers become: b + W[:, u]·f(b_u) for a channel u with activation f, and
 * b + W[:, h]·b_v for a head (its attention weights sum to one). Measured on two tokens, so that whatever lies between
 * a bias and its reader is in it (algorithm.md §8, W6).
 * @returns new biases by name, owned by the caller; none where the units say nothing
 * @throws PARTITION_INVALID where units differ between tokens (their weights are not zero), or their reader has no bias
 */
export function foldedBiases(
  model: Model,
  partition: Partition,
  removed: Removed,
): Map<string, Tensor> {
  const readers = readersOf(model, partition, removed);
  observe(model, readers);
  const folded = new Map<string, Tensor>();
  for (const [path, { linear, inputs, seen }] of readers) {
    const [first, second] = seen ?? [];
    if (!first || !second) continue;
    const only = Float32Array.from(first, (x, i) => (inputs.has(i) ? x : 0));
    let [size, change] = [0, 0];
    for (const i of inputs) {
      size = Math.max(size, Math.abs(only[i] ?? 0));
      change = Math.max(change, Math.abs((only[i] ?? 0) - (second[i] ?? 0)));
    }
    const wrong =
      change > constantTolerance * Math.max(size, 1)
        ? `the removed units that ${path} reads do not say the same to every token`
        : size > 0 && !linear.bias
          ? `${path} has no bias to take what its removed units say`
          : undefined;
    if (wrong !== undefined) {
      for (const tensor of folded.values()) tensor.dispose();
      throw invalidCut(wrong);
    }
    if (size === 0) continue;
    const { device } = linear.weight;
    const bias = noGrad(() =>
      scoped(() => {
        const y = linear.forward(floatTensorOn(device, only, [1, only.length]));
        return reshape(y, [linear.outFeatures]);
      }),
    );
    folded.set(`${path}.bias`, keep(bias));
  }
  return folded;
}

function readersOf(model: Model, { groups }: Partition, removed: Removed): Map<string, Reader> {
  const linears = model.linears();
  const readers = new Map<string, Reader>();
  for (const { id, kind, slices, units } of groups) {
    const gone = removed.get(id) ?? [];
    // The residual stream and what is composed of others say nothing when they are gone.
    if (gone.length === 0 || kind === 'residual') continue;
    for (const slice of slices) {
      const path = slice.param.replace(/\.weight$/, '');
      const linear = linears.get(path);
      if (!linear || slice.role !== 'consumer' || slice.lora !== null) continue;
      const reader = readers.get(path) ?? { linear, inputs: new Set<number>(), seen: undefined };
      readers.set(path, reader);
      for (const unit of gone) {
        for (const index of sliceIndices(slice, units, unit)) reader.inputs.add(index);
      }
    }
  }
  return readers;
}

/** Shows the model two different tokens and remembers what every reader is given for each. */
function observe(model: Model, readers: ReadonlyMap<string, Reader>): void {
  if (readers.size === 0) return;
  for (const reader of readers.values()) {
    const n = reader.linear.inFeatures;
    reader.linear.observer = (x) => {
      const values = x.toFloat32();
      reader.seen = [values.slice(0, n), values.slice(n, 2 * n)];
    };
  }
  const last = model.vocabulary - 1;
  try {
    noGrad(() => {
      scoped(() => {
        model.hidden(longTensorOn(model.device, [last, Math.floor(last / 2)], [1, 2]));
      });
    });
  } finally {
    for (const { linear } of readers.values()) linear.observer = null;
  }
}
