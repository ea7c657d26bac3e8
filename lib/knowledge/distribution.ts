// Knowledge distribution (paper Alg. 3): how much the output changes when a node group loses its least units.
import type { KnowledgeArtefact } from '../artefacts.js';
import { disposeStatistics, inputStatistics } from '../calibration/input_statistics.js';
import type { Context } from '../context.js';
import { statistics } from '../evaluate/perplexity.js';
import type { NodeGroup } from '../groups/group.js';
import { sliceIndices } from '../groups/slice_indices.js';
import type { Model } from '../models/model.js';
import { gradientsFor, scoreGroups } from '../saliency/mix.js';
import { type Scores, consumerPaths, consumersOf } from '../saliency/saliency.js';
import { type SaliencySpec, specName } from '../saliency/spec.js';
import { floatTensorOn } from '../tensor/placed.js';
import { keep } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { TokenBatch } from '../train/language_model_loss.js';
import { selectRedundant } from '../lhspg/select.js';
import { type Deviation, denseReference, deviationFrom } from './deviation.js';
import { protectedGroups } from './protect.js';

export interface KnowledgeOptions {
  readonly proxy: SaliencySpec;
  /** Trial ratios: share of a group's units that is taken out. */
  readonly ratios: readonly number[];
  /** Share γ of the node groups that becomes protected. */
  readonly protectShare: number;
  readonly seed: number;
}

interface Trial {
  readonly group: NodeGroup;
  readonly ratio: number;
  readonly removed: number;
  readonly perBatch: Deviation[];
}

/**
 * Takes the units of least proxy out of each prunable group in turn (their consumers do not see them; no
 * weight changes), measures loss and KL to the dense model on `batches`, and ranks the groups.
 */
export function distribution(
  ctx: Context,
  model: Model,
  groups: readonly NodeGroup[],
  batches: readonly TokenBatch[],
  options: KnowledgeOptions,
): KnowledgeArtefact {
  const { proxy, ratios, protectShare, seed } = options;
  const prunable = groups.filter((group) => group.prunable);
  const scores = proxyScores(ctx, model, prunable, batches, options);
  const trials: Trial[] = prunable.flatMap((group) =>
    ratios.map((ratio) => ({
      group,
      ratio,
      removed: Math.min(group.units - 1, Math.max(1, Math.round(ratio * group.units))),
      perBatch: [],
    })),
  );
  const dense: number[] = [];
  const total = trials.length * batches.length;
  let done = 0;
  for (const batch of batches) {
    const reference = denseReference(model, batch);
    dense.push(reference.loss);
    try {
      for (const trial of trials) {
        ctx.checkpoint();
        const { group, ratio, removed } = trial;
        const chosen = selectRedundant(scores, new Map([[group.id, removed]]), new Map());
        const gated = gateOut(model, group, chosen.get(group.id) ?? []);
        try {
          trial.perBatch.push(deviationFrom(model, batch, reference));
        } finally {
          gated.restore();
        }
        const progress = {
          done: ++done,
          total,
          unit: 'evaluation',
          note: `${group.id} at ${ratio}`,
        };
        ctx.emit({ type: 'progress', stage: 'knowledge', ...progress });
      }
    } finally {
      reference.dispose();
    }
  }
  const base = statistics(dense).mean;
  const ranked = prunable
    .map((group) => {
      const own = trials.filter((trial) => trial.group === group);
      const rows = own.map(({ ratio, removed, perBatch }) => {
        const loss = statistics(perBatch.map((d) => d.loss)).mean;
        const deviations = perBatch.map((d, i) => d.loss - (dense[i] ?? NaN));
        const kl = statistics(perBatch.map((d) => d.kl)).mean;
        return {
          ratio,
          removed,
          loss,
          stderr: statistics(deviations).stderr,
          perplexity: Math.exp(loss),
          kl,
        };
      });
      const deviation = Math.max(...rows.map(({ loss }) => loss - base));
      return { group, deviation, rows };
    })
    .sort((a, b) => b.deviation - a.deviation);
  const guarded = protectedGroups(
    ranked.map(({ group }) => group.id),
    protectShare,
  );
  const [first] = batches;
  const sequences = batches.reduce((n, b) => n + b.batch, 0);
  const length = first?.length ?? 0;
  return {
    proxy: specName(proxy),
    ratios: [...ratios],
    protectShare,
    calibration: { sequences, length, tokens: sequences * length },
    dense: { loss: base, perplexity: Math.exp(base) },
    groups: ranked.map(({ group: { id, kind, layer, units }, deviation, rows }) => ({
      ...{ id, kind, layer, units },
      protected: guarded.has(id),
      deviation,
      trials: rows,
    })),
  };

  function proxyScores(
    ...[context, m, open, calibration]: Parameters<typeof distribution>
  ): Scores {
    const statistics = inputStatistics(context, m, consumerPaths(open), calibration);
    try {
      const gradients = gradientsFor(proxy, context, m, open, calibration);
      const told = { model: m, groups: open, statistics, removed: new Map(), seed, ...gradients };
      return scoreGroups(told, proxy);
    } finally {
      disposeStatistics(statistics);
    }
  }
}

/** Hides the units from everything that reads them, until restore(). */
export function gateOut(
  model: Model,
  group: NodeGroup,
  units: readonly number[],
): { restore(): void } {
  const linears = model.linears();
  const gates: Tensor[] = [];
  const gated = consumersOf(group).flatMap(({ slice, path }) => {
    const linear = linears.get(path);
    if (!linear) return [];
    const open = new Float32Array(slice.extent).fill(1);
    for (const u of units) for (const i of sliceIndices(slice, group.units, u)) open[i] = 0;
    linear.gate = keep(floatTensorOn(linear.weight.device, open));
    gates.push(linear.gate);
    return [linear];
  });
  return {
    restore() {
      for (const linear of gated) linear.gate = null;
      for (const gate of gates) gate.dispose();
    },
  };
}
