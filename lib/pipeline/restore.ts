// The recovery stages of a run: pretraining text in rounds, then instructions; each from folder to folder.
import type { RecoveryArtefact } from '../artefacts.js';
import type { Job, JobInstruct } from '../config/job.js';
import type { Context } from '../context.js';
import { readInstructions } from '../data/alpaca.js';
import type { Corpus } from '../data/corpus.js';
import { type Example, encodeInstructions } from '../data/instruction_examples.js';
import { createSampler } from '../data/sampler.js';
import type { Model } from '../models/model.js';
import type { Feed } from '../recovery/feed.js';
import { instructFeed } from '../recovery/instruct_feed.js';
import { pretrainingFeed } from '../recovery/pretraining_feed.js';
import { type RecoveryOptions, recover } from '../recovery/recover.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { Budget } from './budget.js';
import { saveEvery } from './prune.js';
import { openWorkingModel, saveWorkingModel } from './working_model.js';

/** Folders of a stage: the model it starts from, and where its state and result go. */
export interface Folders {
  readonly from: string;
  readonly dir: string;
}

const seedOf = { pretraining: 1, instruct: 2 } as const;

/** Rounds on the pretraining sources, mixed by what each lost against the dense model. */
export function recoverPretraining(
  ctx: Context,
  job: Job,
  corpus: Corpus,
  budget: Budget,
  folders: Folders,
): RecoveryArtefact {
  const { validationWindows, learningRate, rounds, distill, maxSeconds } = job.recovery;
  const feedOf = (model: Model): Feed => {
    const seed = job.seed + seedOf.pretraining;
    const documents = job.recovery.packing === 'documents' && apart(ctx, model, job);
    const sampler = createSampler({ sources: corpus.train, seed, documents });
    const options = { batch: job.batchSize, validationWindows };
    return pretrainingFeed(ctx, sampler, corpus.validation, options);
  };
  const stage = {
    stage: 'pretraining',
    steps: budget.recovery,
    ...{ learningRate, rounds, distill, maxSeconds },
  } as const;
  return restore(ctx, job, feedOf, stage, folders);
}

/** Whether documents of one row can be kept apart; where positions turn otherwise in longer texts they cannot. */
function apart({ emit }: Context, { cacheBreak }: Model, { sequenceLength }: Job): boolean {
  if (cacheBreak === null || sequenceLength <= cacheBreak) return true;
  const message = `this model turns positions otherwise in texts of more than ${cacheBreak} tokens: rows of ${sequenceLength} are not packed by documents`;
  emit({ type: 'warning', message });
  return false;
}

/** A job's instructions as token ids. */
export interface Instructions {
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  /** Fills the short rows of a batch. */
  readonly padId: number;
}

/** Rounds on instructions, the loss on the responses. */
export function recoverInstruct(
  ctx: Context,
  job: Job,
  { train, validation, padId }: Instructions,
  folders: Folders,
): RecoveryArtefact {
  const {
    tokens,
    learningRate,
    rounds,
    batchSize: batch,
    packing,
    maxSeconds,
  } = job.instructTuning;
  const feedOf = (model: Model): Feed => {
    const seed = job.seed + seedOf.instruct;
    const length = packing === 'rows' && apart(ctx, model, job) ? job.sequenceLength : undefined;
    return instructFeed(ctx, train, validation, { batch, padId, seed, length });
  };
  const meanLength = train.reduce((n, { ids }) => n + ids.length, 0) / train.length;
  const steps = Math.max(rounds, Math.floor(tokens / (batch * meanLength)));
  const stage = {
    stage: 'instruct',
    ...{ steps, learningRate, rounds, distill: 0, maxSeconds },
  } as const;
  return restore(ctx, job, feedOf, stage, folders);
}

/** @throws DATA_NOT_FOUND, DATA_INVALID, DATA_EMPTY also when none fits into the sequence length */
export async function readExamples(
  { sequenceLength: maxLength }: Job,
  { path, validation, template, trainOnInputs }: JobInstruct,
  tokenizer: Tokenizer,
  ctx: Context,
): Promise<Instructions> {
  const signal = { throwIfAborted: ctx.checkpoint };
  // What is named for validation is all of it, and then nothing of the others is.
  const holdout = validation === undefined ? undefined : 'none';
  const encode = async (file: string, split: 'train' | 'validation'): Promise<Example[]> => {
    const entries = await readInstructions(file, { split, holdout, signal });
    const options = { maxLength, template, trainOnInputs, signal };
    return (await encodeInstructions(entries, tokenizer, options)).examples;
  };
  return {
    train: await encode(path, 'train'),
    validation: await encode(validation ?? path, 'validation'),
    padId: tokenizer.eosId ?? 0,
  };
}

type Stage = Pick<
  RecoveryOptions,
  'stage' | 'steps' | 'learningRate' | 'rounds' | 'distill' | 'maxSeconds'
>;

function restore(
  ctx: Context,
  job: Job,
  feedOf: (model: Model) => Feed,
  stage: Stage,
  { from, dir }: Folders,
): RecoveryArtefact {
  using model = openWorkingModel(ctx, job, from);
  using dense = openWorkingModel(ctx, job, job.model);
  const feed = feedOf(model);
  const { mixture, eta, tolerance, patience } = job.recovery;
  const artefact = recover(
    ctx,
    { model, teacher: dense, feed, dense: feed.validate(dense), stateDir: dir },
    {
      ...stage,
      ...{ mixture, eta, tolerance, patience, saveEvery, lora: job.lora },
      memory: { microBatch: job.microBatchSize, checkpointing: job.checkpointing },
      warmupSteps: Math.min(10, Math.floor(stage.steps / 4)),
      seed: job.seed + seedOf[stage.stage],
    },
  );
  saveWorkingModel(model satisfies Model, dir);
  return artefact;
}
