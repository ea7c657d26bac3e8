// The prune and compress stages of a run: LHSPG on a copy of the dense model, then the exact cut.
import { join } from 'node:path';
import type { CutArtefact, LhspgArtefact } from '../artefacts.js';
import { exportConfig } from '../checkpoint/export_config.js';
import { readConfig } from '../checkpoint/load.js';
import { closeExperts } from '../compress/experts.js';
import { expand } from '../compress/expand.js';
import type { Allocation } from '../budget/allocate.js';
import { verifyCut } from '../compress/verify.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import type { Corpus } from '../data/corpus.js';
import { createSampler } from '../data/sampler.js';
import type { Partition } from '../groups/group.js';
import { lhspg } from '../lhspg/train.js';
import type { Model } from '../models/model.js';
import { specName } from '../saliency/spec.js';
import { scoped } from '../tensor/scope.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';
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
  readonly plan: Allocation;
  readonly budget: Budget;
  readonly guarded: ReadonlySet<string>;
  readonly calibration: readonly TokenBatch[];
  /** Held-out text on which every cut is proved. */
  readonly probe: TokenBatch;
  /** Folder of the stage's resumable state and of its result. */
  readonly dir: string;
}

/** Prunes and leaves the cut model in `dir`. */
export function prune(ctx: Context, input: PruneInput): LhspgArtefact {
  const { job, corpus, partition, plan, budget, guarded, calibration, probe, dir } = input;
  const { form, saliency, learningRate, schedule, clip, epsilon, pull } = job.lhspg;
  const oneShot = form.startsWith('one-shot');
  const sampler = createSampler({ sources: corpus.train, seed: job.seed });
  const open = (): Model => openWorkingModel(ctx, job, job.model);
  const { model, ...result } = lhspg(
    ctx,
    { open, partition, totals: plan.counts, guarded, sampler, calibration, probe, stateDir: dir },
    {
      ...{ saliency, learningRate, schedule, clip, epsilon, pull, saveEvery },
      form: form.endsWith('transfer') ? 'transfer' : 'paper',
      periods: oneShot ? 1 : job.lhspg.periods,
      ...{ steps: budget.lhspg, warmupSteps: budget.warmup, batch: job.batchSize },
      memory: { microBatch: job.microBatchSize, checkpointing: job.checkpointing },
      ...{ lora: job.lora, seed: job.seed },
    },
  );
  using _ = model;
  saveWorkingModel(model, join(dir, prunedFolder));
  const { achieved, parameters, kvHeadsRemovedPerLayer, channelsRemovedPerLayer } = plan;
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
      parameters: Math.round(job.ratio * partition.parameters),
      kvHeads: kvHeadsRemovedPerLayer,
      channels: channelsRemovedPerLayer,
    },
    achieved: {
      ratio: achieved,
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
  kept: LhspgArtefact['kept'],
  { from, dir }: { from: string; dir: string },
): CutArtefact {
  using compact = openWorkingModel(ctx, job, join(from, prunedFolder));
  const config = readConfig(job.model);
  const removed = removedOf(kept);
  using masked = expand(compact, config, partition, removed);
  const closed = closeExperts(masked, partition, removed);
  const equality = scoped(() => verifyCut(ctx, masked, compact, tokensOf(probe, masked.device)));
  closed.restore();
  saveWorkingModel(compact, dir);
  const before = sizesOf(masked);
  const after = sizesOf(compact);
  const { modelType, reason } = exportConfig(compact.config);
  return {
    ...{ before, after, equality },
    ratio: 1 - after.parameters / before.parameters,
    exportType: { modelType, ...(reason === undefined ? {} : { reason }) },
  };
}

function removedOf(kept: LhspgArtefact['kept']): Map<string, readonly number[]> {
  return new Map(kept.map(({ group, removed }) => [group, removed]));
}

function sizesOf(model: Model): CutArtefact['before'] {
  const config = model.config;
  const size = (key: string): number => Number(config[key] ?? NaN);
  const parameters = countParameters(model);
  const { dtype } = exportConfig(config);
  return {
    parameters,
    bytes: parameters * (dtype === 'float32' ? 4 : 2),
    kvHeads: Number(config['num_key_value_heads'] ?? config['num_attention_heads']),
    heads: size('num_attention_heads'),
    channels: size('intermediate_size'),
  };
}
