// The scores that a job asks for: one saliency as it is, or several, normalised per kind of group and summed by weights.
import { gradientStatistics } from '../calibration/gradients.js';
import { disposeStatistics, inputStatistics } from '../calibration/input_statistics.js';
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { NodeGroup } from '../groups/group.js';
import type { Model } from '../models/model.js';
import type { TokenBatch } from '../train/language_model_loss.js';
import { statisticsOf } from './group_moments.js';
import { saliencies } from './index.js';
import type { SaliencyName } from './names.js';
import { inputPaths } from './readers.js';
import type { SaliencyInput, Scores } from './saliency.js';
import { type SaliencySpec, momentsOf, needsOf, partsOf } from './spec.js';

export { parseSaliency, specName } from './spec.js';

/**
 * One score per unit of each group. A name alone gives its saliency's own values; a mixture gives
 * Σ_k w_k·s_k,u / ‖s_k‖₂, each norm over all units of all given groups of the same kind, so that heads are not weighed
 * against channels (algorithm.md §3.5, and §8 W8).
 * @throws CONFIG_INVALID for a LoRA form of a kind that LoRA was not trained on, a dense form without gradients, an input form of a group
 * that no linear reads
 */
export function scoreGroups(input: SaliencyInput, spec: SaliencySpec): Scores {
  const lora = partsOf(spec).find(([name]) => saliencies[name].needs === 'lora');
  if (lora) refuseUntrained(input, lora[0]);
  if (typeof spec === 'string') return saliencies[spec].score(input);
  const mixed: Scores = new Map(input.groups.map(({ id, units }) => [id, new Float64Array(units)]));
  for (const [name, weight] of partsOf(spec)) {
    for (const [id, own] of normaliseByKind(saliencies[name].score(input), input.groups)) {
      const sums = mixed.get(id);
      own.forEach((x, u) => {
        if (sums) sums[u] = (sums[u] ?? 0) + weight * x;
      });
    }
  }
  return mixed;
}

/**
 * {@link scoreGroups} of a model from which nothing was removed, with the statistics and gradients on `batches` that the
 * spec needs.
 * @throws as scoreGroups
 */
export function scoreModel(
  spec: SaliencySpec,
  ...[ctx, model, groups, batches, seed]: [...Calibrated, number]
): Scores {
  const moments = momentsOf(spec);
  const paths = moments ? inputPaths(model, groups) : [];
  const statistics = inputStatistics(ctx, model, paths, batches, moments);
  try {
    const gradients = gradientsFor(spec, ctx, model, groups, batches);
    const given = { model, groups, statistics, removed: new Map(), seed, ...gradients };
    return scoreGroups(given, spec);
  } finally {
    disposeStatistics(statistics);
  }
}

type Calibrated = [Context, Model, readonly NodeGroup[], readonly TokenBatch[]];

/** Scores by the L2 norm over all units of all groups of their kind; zeros where that norm is 0. */
export function normaliseByKind(scores: Scores, groups: readonly NodeGroup[]): Scores {
  const largest = new Map<string, number>(); // keeps squares in range
  const squares = new Map<string, number>();
  for (const { id, kind } of groups) {
    const most = scores.get(id)?.reduce((a, b) => Math.max(a, b), 0) ?? 0;
    largest.set(kind, Math.max(most, largest.get(kind) ?? 0));
  }
  const scaled = (x: number, kind: string): number => x / (largest.get(kind) || 1);
  for (const { id, kind } of groups) {
    const own = scores.get(id)?.reduce((sum, x) => sum + scaled(x, kind) ** 2, 0) ?? 0;
    squares.set(kind, (squares.get(kind) ?? 0) + own);
  }
  return new Map(
    groups.map(({ id, kind }) => {
      const norm = Math.sqrt(squares.get(kind) ?? 0) || 1;
      return [id, (scores.get(id) ?? new Float64Array()).map((x) => scaled(x, kind) / norm)];
    }),
  );
}

/** `{ gradients }` where the spec has a dense form, else nothing: spread into the input of {@link scoreGroups}. */
export function gradientsFor(
  spec: SaliencySpec,
  ...[ctx, model, groups, batches]: Calibrated
): Pick<SaliencyInput, 'gradients'> {
  if (!needsOf(spec).has('gradients')) return {};
  return { gradients: gradientStatistics(ctx, model, groups, batches) };
}

/** Where B = 0, or no linear carries LoRA, a LoRA form says nothing of any unit of a kind (algorithm.md §3.5). */
function refuseUntrained(input: SaliencyInput, name: SaliencyName): void {
  const steps = statisticsOf(input, ({ step }) => step);
  const learned = new Map(input.groups.map(({ kind }) => [kind, false]));
  for (const { id, kind } of input.groups) {
    if (steps.get(id)?.some((step) => step > 0)) learned.set(kind, true);
  }
  const [kind] = [...learned].find(([, some]) => !some) ?? [];
  if (kind === undefined) return;
  throw new LoraShearError(
    'CONFIG_INVALID',
    `the saliency ${name} reads what LoRA has learned, and of ${kind} it has learned nothing yet: every score is the same`,
    {
      hint: `train first (a warm-up of one step or more: lhspg.warmup_share, tokens), or choose dense_${name}, which reads gradients`,
      facts: { saliency: name, kind },
    },
  );
}
