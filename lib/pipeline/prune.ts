// The prune and compress stages of a run: LHSPG on a copy of the dense model, then the exact cut.
import { join } from 'node:path';
import type { BudgetArtefact, CutArtefact, LhspgArtefact } from '../artefacts.js';
import { readConfig } from '../checkpoint/load.js';
import { closeExperts } from '../compress/experts.js';
import { expand } from '../compress/expand.js';
import { layerTable } from '../compress/layer_table.js';
import { layerKinds } from '../compress/pad.js';
import { structureOf } from '../compress/structure.js';
import { type Equality, verifyCut } from '../compress/verify.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import type { Corpus } from '../data/corpus.js';
import { createSampler } from '../data/sampler.js';
import { LoraShearError } from '../errors.js';
import type { GroupKind, Partition } from '../groups/group.js';
import { lhspg } from '../lhspg/train.js';
import { architectureOf } from '../models/index.js';
import type { Model } from '../models/model.js';
import { specName } from '../saliency/spec.js';
import { scoped } from '../tensor/scope.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';
import { StepGraphs } from '../train/step_graph.js';
import type { Budget } from './budget.js';
import { countParameters, openWorkingModel, saveWorkingModel } from './working_model.js';

/** Optimiser steps between two saved states of a training loop. */
export const saveEvery = 25;

/** Within the stage's folder: what LHSPG ends with, every removed unit gone. */
const prunedFolder = 'pruned';

export interface PruneInput {
  readonly job: Job;
  readonly corpus: Corpus;
  readonly partition: Partition;
  /** Units that every group loses. */
  readonly plan: Pick<
    BudgetArtefact,
    'counts' | 'touched' | 'parameters' | 'kvHeadsRemovedPerLayer' | 'channelsRemovedPerLayer'
  >;
  readonly budget: Budget;
  readonly calibration: readonly TokenBatch[];
  /** Held-out text on which every cut is proved. */
  readonly probe: TokenBatch;
  /** Folder of the stage's resumable state and of its result. */
  readonly dir: string;
}

/** What records the steps of a period, where the job wants it and the model has steps that can be. */
function graphsOf({ emit }: Context, job: Job, { groups }: Partition): StepGraphs | null {
  if (!job.cudaGraphs) return null;
  const warn = (why: string): void => {
    emit({ type: 'warning', message: `cuda_graphs: ${why}` });
  };
  const obstacle = !job.device.startsWith('cuda')
    ? `there are none on ${job.device}`
    : job.checkpointing === 'blocks'
      ? 'steps that compute blocks again are not recorded'
      : groups.some(({ kind }) => kind === 'experts')
        ? 'steps whose experts the host chooses are not recorded'
        : null;
  if (obstacle === null) return new StepGraphs(warn);
  warn(obstacle);
  return null;
}

/** Prunes and leaves the cut model in `dir`. */
export function prune(ctx: Context, input: PruneInput): LhspgArtefact {
  const { job, corpus, partition, plan, budget, calibration, probe, dir } = input;
  const { form, saliency, learningRate, schedule, clip, epsilon, pull } = job.lhspg;
  const { rounds, restShare } = job.lhspg;
  const oneShot = form.startsWith('one-shot');
  const sampler = createSampler({ sources: corpus.train, seed: job.seed });
  const open = (): Model => openWorkingModel(ctx, job, job.model);
  const { model, ...result } = lhspg(
    ctx,
    {
      ...{ open, partition, sampler, calibration, probe, stateDir: dir },
      totals: new Map(Object.entries(plan.counts)),
      guarded: new Set(plan.touched),
    },
    {
      ...{ saliency, learningRate, schedule, clip, epsilon, pull, saveEvery },
      form: form.endsWith('transfer') ? 'transfer' : 'paper',
      periods: oneShot ? 1 : job.lhspg.periods,
      ...{ rounds, restShare },
      ...{ steps: budget.lhspg, warmupSteps: budget.warmup, batch: job.batchSize },
      memory: { microBatch: job.microBatchSize, checkpointing: job.checkpointing },
      graphs: graphsOf(ctx, job, partition),
      ...{ lora: job.lora, seed: job.seed },
    },
  );
  using _ = model;
  saveWorkingModel(model, join(dir, prunedFolder));
  const { parameters, kvHeadsRemovedPerLayer, channelsRemovedPerLayer } = plan;
  return {
    ...{
      form,
      saliency: specName(saliency),
      learningRate,
      seed: job.seed,
      warmupSteps: budget.warmup,
    },
    target: {
      ratio: job.ratio,
      parameters: plan.parameters,
      kvHeads: kvHeadsRemovedPerLayer,
      channels: channelsRemovedPerLayer,
    },
    achieved: {
      ratio: parameters / partition.parameters,
      parameters,
      zeroUnits: result.kept.reduce((n, { removed }) => n + removed.length, 0),
    },
    tokens: budget.lhspg * budget.tokensPerStep,
    ...result,
  };
}

/**
 * What LHSPG left in `from` goes to `dir`, after a proof against the dense model's own shape with zeros in the place of all
 * that went.
 * @throws CUT_NOT_EQUAL
 */
export function cut(
  ctx: Context,
  { job, partition, probe }: PruneInput,
  pruned: Pick<LhspgArtefact, 'kept' | 'periods'>,
  { from, dir }: { from: string; dir: string },
): CutArtefact {
  const { kept } = pruned;
  using compact = openWorkingModel(ctx, job, join(from, prunedFolder));
  using dense = openWorkingModel(ctx, job, job.model);
  const equality = againstWhole(ctx, compact, { job, partition, probe }, kept) ?? worst(pruned);
  if (!equality) throw new LoraShearError('INTERNAL', 'nothing was proved of the cut');
  saveWorkingModel(compact, dir);
  const [before, after] = [sizesOf(dense), sizesOf(compact)];
  return { before, after, equality, ratio: 1 - after.parameters / before.parameters };
}

/** Kinds whose cut is no matter of zeros: width and norms change with it. */
const notExpanded: ReadonlySet<GroupKind> = new Set(['residual']);

/** The cut model against the dense model's own shape with zeros; null where zeros do not undo the cut. */
function againstWhole(
  ctx: Context,
  compact: Model,
  { job, partition, probe }: Pick<PruneInput, 'job' | 'partition' | 'probe'>,
  kept: LhspgArtefact['kept'],
): Equality | null {
  const removed = removedOf(kept);
  const kinds = new Map(partition.groups.map(({ id, kind }) => [id, kind]));
  if (kept.some(({ group }) => notExpanded.has(kinds.get(group) ?? 'other'))) return null;
  using masked = expand(compact, readConfig(job.model), partition, removed);
  const closed = closeExperts(masked, partition, removed);
  try {
    return scoped(() => verifyCut(ctx, masked, compact, tokensOf(probe, masked.device)));
  } finally {
    closed.restore();
  }
}

/** The largest difference of the cuts on the way. */
function worst({ periods }: Pick<LhspgArtefact, 'periods'>): Equality | undefined {
  const share = ({ maxAbsDifference, tolerance }: Equality): number => maxAbsDifference / tolerance;
  return periods.flatMap(({ equality }) => equality ?? []).sort((a, b) => share(b) - share(a))[0];
}

function removedOf(kept: LhspgArtefact['kept']): Map<string, readonly number[]> {
  return new Map(kept.map(({ group, removed }) => [group, removed]));
}

function sizesOf(model: Model): CutArtefact['before'] {
  const { config } = model;
  const { sizes: keys } = architectureOf(config);
  const parameters = countParameters(model);
  const written = config['dtype'] ?? config['torch_dtype'];
  const half = written === 'bfloat16' || written === 'float16';
  const layers = layerTable(config, keys, structureOf(config, { kinds: layerKinds }));
  const alike = (size: 'kvHeads' | 'heads' | 'channels'): number | null => {
    const values = new Set(layers.map((layer) => layer[size] ?? null));
    return values.size === 1 ? ([...values][0] ?? null) : null;
  };
  return {
    ...{ parameters, bytes: parameters * (half ? 2 : 4), layers },
    ...{ kvHeads: alike('kvHeads'), heads: alike('heads'), channels: alike('channels') },
  };
}
