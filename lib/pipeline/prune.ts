// The prune and compress stages of a run: LHSPG on a copy of the dense model, then the exact cut.
import { join } from 'node:path';
import type { CutArtefact, LhspgArtefact } from '../artefacts.js';
import { loadModel } from '../checkpoint/load.js';
import { exportConfig } from '../checkpoint/export_config.js';
import { saveSafetensors } from '../checkpoint/save.js';
import { SafetensorsFile } from '../checkpoint/safetensors.js';
import type { WidthPlan } from '../compress/plan.js';
import { compress } from '../compress/slice.js';
import { assertZeroUnits, verifyCut } from '../compress/verify.js';
import type { Job } from '../config/job.js';
import type { Context } from '../context.js';
import type { Corpus } from '../data/corpus.js';
import { createSampler } from '../data/sampler.js';
import type { Partition } from '../groups/group.js';
import { lhspg } from '../lhspg/train.js';
import type { Model } from '../models/model.js';
import { noGrad } from '../tensor/autograd.js';
import { copy_ } from '../tensor/ops.js';
import { scoped } from '../tensor/scope.js';
import { type TokenBatch, tokensOf } from '../train/language_model_loss.js';
import type { Budget } from './budget.js';
import { countParameters, saveWorkingModel } from './working_model.js';

/** Optimiser steps between two saved states of a training loop. */
export const saveEvery = 25;

const prunedFile = 'pruned.safetensors';

export interface PruneInput {
  readonly job: Job;
  readonly corpus: Corpus;
  readonly partition: Partition;
  readonly plan: WidthPlan;
  readonly budget: Budget;
  readonly guarded: ReadonlySet<string>;
  readonly calibration: readonly TokenBatch[];
  /** Folder of the stage's resumable state and of its result. */
  readonly dir: string;
}

/** Prunes and leaves the full-size model with its exact zeros in `dir`. */
export function prune(ctx: Context, input: PruneInput): LhspgArtefact {
  const { job, corpus, partition, plan, budget, guarded, calibration, dir } = input;
  const { form, saliency, learningRate, epsilon } = job.lhspg;
  const oneShot = form.startsWith('one-shot');
  using model = loadModel(job.model, { device: ctx.device });
  const sampler = createSampler({ sources: corpus.train, seed: job.seed });
  const result = lhspg(
    ctx,
    { model, partition, totals: plan.quotas, guarded, sampler, calibration, stateDir: dir },
    {
      ...{ saliency, learningRate, epsilon, saveEvery },
      form: form.endsWith('transfer') ? 'transfer' : 'paper',
      periods: oneShot ? 1 : job.lhspg.periods,
      ...{ steps: budget.lhspg, warmupSteps: budget.warmup, batch: job.batchSize },
      ...{ lora: job.lora, seed: job.seed },
    },
  );
  assertZeroUnits(model, partition, removedOf(result.kept));
  saveSafetensors(join(dir, prunedFile), model.parameters());
  const { achievedRatio, parameters, kvHeadsRemovedPerLayer, channelsRemovedPerLayer } = plan;
  return {
    ...{ form, saliency, learningRate, seed: job.seed, warmupSteps: budget.warmup },
    target: {
      ratio: job.ratio,
      parameters: Math.round(job.ratio * partition.parameters),
      kvHeads: kvHeadsRemovedPerLayer,
      channels: channelsRemovedPerLayer,
    },
    achieved: {
      ratio: achievedRatio,
      parameters,
      zeroUnits: result.kept.reduce((n, { removed }) => n + removed.length, 0),
    },
    tokens: budget.lhspg * budget.tokensPerStep,
    ...result,
  };
}

/** Cuts the pruned model of `from` to its new widths, proves masked ≡ compact, and leaves it in `dir`. */
export function cut(
  ctx: Context,
  { job, partition, calibration }: PruneInput,
  kept: LhspgArtefact['kept'],
  { from, dir }: { from: string; dir: string },
): CutArtefact {
  using masked = loadModel(job.model, { device: ctx.device });
  restoreInto(masked, join(from, prunedFile));
  const removed = removedOf(kept);
  assertZeroUnits(masked, partition, removed);
  using compact = compress(masked, partition, removed);
  const [batch] = calibration;
  if (!batch) throw new RangeError('no calibration batch');
  const equality = scoped(() => verifyCut(ctx, masked, compact, tokensOf(batch, masked.device)));
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

function restoreInto(model: Model, path: string): void {
  const file = new SafetensorsFile(path);
  noGrad(() => {
    for (const [name, tensor] of model.parameters()) {
      scoped(() => {
        copy_(tensor, file.tensor(name));
      });
    }
  });
  file.close();
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
