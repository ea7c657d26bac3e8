// What `lorashear-native evaluate` and `score` do, from folder to result.
import { basename } from 'node:path';
import { openCheckpoint } from '../checkpoint/open.js';
import type { Context } from '../context.js';
import { readTextFile } from '../data/text_file.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { hubCacheFolder } from '../data/hub_cache.js';
import { type Comparison, type Outcomes, compare } from './compare.js';
import { readHubSplit } from './hub_cache.js';
import { type TaskName, taskList, tasks } from './index.js';
import { type TaskResult, checkLimit, runTask } from './multiple_choice.js';
import { perplexitySpec } from './perplexity_spec.js';
import { type EvaluationResults, resultsOf, writeResults } from './results.js';
import { type TextScore, scoreText } from './score.js';
import type { Row } from './task.js';
import {
  type PerplexityText,
  prepareTexts,
  readPerplexityTexts,
  scoreTexts,
} from './text_perplexity.js';

/** `done` of `total` answers of the task, or windows of the text, that `task` names. */
export type EvaluationProgress = (done: number, total: number, task?: string) => void;

export interface EvaluateOptions {
  /** Hugging Face model folder. */
  model: string;
  /** lm-eval's task names. */
  tasks?: readonly string[] | undefined;
  /** Protocols on texts: `gptq:wikitext2`, `llm-pruner:ptb=PATH` (docs/evaluation.md). */
  perplexity?: readonly string[] | undefined;
  /** The first so many documents of each task, or a share below 1. */
  limit?: number | undefined;
  /** A .json file, or a folder for lm-eval's own file names; nothing is written without it. */
  output?: string | undefined;
  /** Also write every document's prompt, log-likelihoods and verdict. */
  logSamples?: boolean | undefined;
  /** Hub cache, or the HF_HOME above it; the default is the user's, without the environment. */
  dataDir?: string | undefined;
  /** Tokens in one forward pass. */
  batchTokens?: number | undefined;
  /** `float32` (the default), `bfloat16`, `float16`, or `auto` for the checkpoint's own. */
  dtype?: string | undefined;
  progress?: EvaluationProgress | undefined;
}

/** Documents of tasks, read before a model is loaded, so that what is missing is said at once. */
export interface TaskData {
  readonly name: TaskName;
  readonly rows: readonly Row[];
}

/** @throws LoraShearError `TASK_UNKNOWN`, `DATA_NOT_FOUND`, `DATA_INVALID` */
export async function readTasks(
  names: readonly string[],
  dataDir = hubCacheFolder(),
): Promise<TaskData[]> {
  const data: TaskData[] = [];
  for (const name of taskList(names)) {
    data.push({ name, rows: await readHubSplit(dataDir, tasks[name].dataset) });
  }
  return data;
}

/** Runs each task on a loaded model, for a run that evaluates several models on the same documents. */
export function runTasks(
  model: Model,
  tokenizer: Tokenizer,
  data: readonly TaskData[],
  ctx: Context,
  options: Pick<EvaluateOptions, 'limit' | 'batchTokens' | 'progress'> = {},
): TaskResult[] {
  const { limit, batchTokens, progress } = options;
  return data.map(({ name, rows }) =>
    runTask(model, tokenizer, name, rows, ctx, {
      limit,
      batchTokens,
      progress: (done, total) => progress?.(done, total, name),
    }),
  );
}

/**
 * Evaluates a checkpoint as lm-eval would, zero-shot, and by perplexity protocols, and writes the result when `output` is given.
 * @throws LoraShearError `TASK_UNKNOWN`, `DATA_*`, `CONFIG_INVALID`, `OUTPUT_FAILED`, and what loading a checkpoint throws
 */
export async function evaluateModel(
  ctx: Context,
  options: EvaluateOptions,
): Promise<EvaluationResults> {
  const questions = await questionsOf(options);
  const { results, outcomes } = measured(ctx, options.model, questions, options);
  const { output, logSamples = false } = options;
  if (output !== undefined) writeResults(output, results, logSamples ? outcomes : []);
  return results;
}

export interface CompareOptions extends EvaluateOptions {
  /** Hugging Face model folder of the reference, for example the dense model. */
  against: string;
}

/** A model and its reference, as evaluated, and side by side. */
export interface ComparedResults {
  model: EvaluationResults;
  against: EvaluationResults;
  comparison: Comparison;
}

/**
 * Evaluates two checkpoints, one after the other, on the same documents and texts. With an `output` each has its own results
 * file: in a folder by lm-eval's names; beside `NAME.json` the reference's is `NAME.against.json`. The model's has the
 * comparison in `lorashear.comparison`.
 * @throws as {@link evaluateModel}
 */
export async function compareModels(
  ctx: Context,
  options: CompareOptions,
): Promise<ComparedResults> {
  const { output, logSamples = false, against, progress } = options;
  const questions = await questionsOf(options);
  const told = (dir: string): EvaluationProgress | undefined =>
    progress && ((done, total, task) => progress(done, total, `${task ?? ''} (${basename(dir)})`));
  const [model, reference] = [options.model, against].map((dir) =>
    measured(ctx, dir, questions, { ...options, progress: told(dir) }),
  ) as [Evaluated, Evaluated];
  const comparison = compare(model, reference);
  model.results.lorashear.comparison = comparison;
  if (output !== undefined) {
    const beside = output.replace(/\.json$/, '.against.json');
    writeResults(output, model.results, logSamples ? model.outcomes : []);
    writeResults(beside, reference.results, logSamples ? reference.outcomes : []);
  }
  return { model: model.results, against: reference.results, comparison };
}

interface Questions {
  readonly tasks: readonly TaskData[];
  readonly texts: readonly PerplexityText[];
}

/** All that options name, read and checked before a model is loaded. */
async function questionsOf({
  tasks: named = [],
  perplexity = [],
  dataDir = hubCacheFolder(),
  ...options
}: EvaluateOptions): Promise<Questions> {
  checkLimit(options.limit);
  if (options.logSamples === true && options.output === undefined) {
    throw new LoraShearError('CONFIG_INVALID', 'samples were asked for, but no output', {
      hint: 'add --output FILE: the samples are written beside it',
    });
  }
  const specs = perplexity.map(perplexitySpec);
  const tasks = named.length > 0 || specs.length === 0 ? await readTasks(named, dataDir) : [];
  return { tasks, texts: await readPerplexityTexts(specs, dataDir) };
}

interface Evaluated extends Outcomes {
  readonly results: EvaluationResults;
  readonly outcomes: readonly TaskResult[];
}

function measured(
  ctx: Context,
  dir: string,
  questions: Questions,
  options: EvaluateOptions,
): Evaluated {
  const start = Date.now() / 1000;
  const { limit, batchTokens = 4096 } = options;
  const { model, tokenizer } = openCheckpoint(dir, { device: ctx.device, dtype: options.dtype });
  using _ = model;
  const prepared = prepareTexts(questions.texts, tokenizer, model.context);
  const outcomes = runTasks(model, tokenizer, questions.tasks, ctx, { ...options, batchTokens });
  const scored = scoreTexts(model, prepared, ctx, {
    maxTokens: batchTokens,
    progress: options.progress,
  });
  const special = (id: number | undefined): readonly [string, number] | null =>
    id === undefined ? null : [tokenizer.token(id) ?? '', id];
  const perplexities = scored.map(({ perplexity }) => perplexity);
  const results = resultsOf(outcomes, perplexities, {
    model: dir,
    ...sizeOf(model),
    device: ctx.device,
    maxLength: model.context,
    batchTokens,
    limit: limit ?? null,
    tokenizer: { bos: special(tokenizer.bosId), eos: special(tokenizer.eosId) },
    start,
    end: Date.now() / 1000,
  });
  const texts = scored.map((text, i) => ({ ...text, sequences: prepared[i]?.cut.sequences ?? [] }));
  return { model: dir, results, outcomes, tasks: outcomes, texts };
}

export interface ScoreFileOptions {
  /** Hugging Face model folder. */
  model: string;
  /** UTF-8 text. */
  file: string;
  /** Longest window; default: the model's context. */
  maxLength?: number | undefined;
  batchTokens?: number | undefined;
  /** As in {@link EvaluateOptions}. */
  dtype?: string | undefined;
  progress?: EvaluationProgress | undefined;
}

/**
 * Scores a text file; see {@link scoreText}.
 * @throws LoraShearError `DATA_NOT_FOUND`, `DATA_INVALID` for what is not UTF-8, `DATA_EMPTY`, `CONFIG_INVALID`, and
 * what loading a checkpoint throws
 */
export async function scoreFile(ctx: Context, options: ScoreFileOptions): Promise<TextScore> {
  const { file, maxLength, batchTokens: maxTokens, progress } = options;
  const text = await readTextFile(file);
  const { dtype } = options;
  const { model, tokenizer } = openCheckpoint(options.model, { device: ctx.device, dtype });
  using _ = model;
  return scoreText(model, tokenizer, text, { ctx, maxLength, maxTokens, progress });
}

/** Elements of all parameters, a tied one once, and their type. */
function sizeOf(model: Model): { parameters: number; dtype: string } {
  const distinct = new Set(Array.from(model.parameters(), ([, tensor]) => tensor));
  let parameters = 0;
  for (const { size } of distinct) parameters += size;
  return { parameters, dtype: [...distinct][0]?.dtype ?? 'float32' };
}
