// Runs a multiple-choice task: every choice is scored after its context, the likeliest is the answer (lm-eval 0.4.13).
import type { Context } from '../context.js';
import { LoraShearError, asLoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { pairEncoder } from './encode_pair.js';
import { type TaskName, tasks } from './index.js';
import { scoreSequences } from './log_likelihood.js';
import { statistics } from './perplexity.js';
import { codePoints } from './python_text.js';
import type { Metric, Question, Row } from './task.js';

/** One document's outcome. */
export interface Sample {
  readonly docId: number;
  readonly question: Question;
  /** Per choice: log-likelihood in nats, and whether greedy decoding would write it. */
  readonly responses: readonly (readonly [logLikelihood: number, greedy: boolean])[];
  /** 1 or 0 per metric. */
  readonly metrics: Readonly<Partial<Record<Metric, number>>>;
}

export interface TaskResult {
  readonly task: TaskName;
  /** `acc,none`, `acc_stderr,none` …; a standard error needs two documents and is absent for one. */
  readonly metrics: Record<string, number>;
  /** Documents in the split. */
  readonly original: number;
  /** Documents that were asked. */
  readonly effective: number;
  readonly samples: readonly Sample[];
  /** Pairs cut on the left to fit the model's context. */
  readonly truncated: number;
}

export interface TaskOptions {
  /** The first so many documents, or a share of them below 1; all by default. */
  limit?: number | undefined;
  /** Longest input; default: the model's context. */
  maxLength?: number | undefined;
  /** Tokens in one forward pass. */
  batchTokens?: number | undefined;
  /** Answers scored so far, of all. */
  progress?: ((done: number, total: number) => void) | undefined;
}

/** @throws LoraShearError `CONFIG_INVALID` unless `limit` is a whole number from 1 or a share below 1 */
export function checkLimit(limit: number | undefined): void {
  if (limit === undefined || (limit > 0 && (limit < 1 || Number.isInteger(limit)))) return;
  throw new LoraShearError('CONFIG_INVALID', `a limit of ${limit} documents was asked for`, {
    hint: 'give a whole number from 1, or a share of the documents between 0 and 1',
    facts: { limit },
  });
}

/**
 * Asks `rows`' questions in order.
 * @throws LoraShearError `DATA_INVALID` naming task and row, `DATA_EMPTY` without rows, `CONFIG_INVALID` for a bad limit
 */
export function runTask(
  model: Model,
  tokenizer: Tokenizer,
  name: TaskName,
  rows: readonly Row[],
  ctx: Context,
  { limit, maxLength = model.context, batchTokens, progress }: TaskOptions = {},
): TaskResult {
  checkLimit(limit);
  if (rows.length === 0) {
    throw new LoraShearError('DATA_EMPTY', `the data of ${name} has no rows`, {
      hint: 'download the dataset again',
    });
  }
  const count = limit === undefined ? rows.length : limit < 1 ? limit * rows.length : limit;
  const encoder = pairEncoder(tokenizer, maxLength);
  const asked = rows.slice(0, Math.ceil(count)).map((row, docId) => {
    try {
      const question = tasks[name].question(row);
      // lm-eval's target delimiter: one space
      return {
        question,
        pairs: question.pairs.map(([c, answer]) => encoder.encode(c, ` ${answer}`)),
      };
    } catch (thrown) {
      throw inRow(thrown, name, docId);
    }
  });
  const scores = scoreSequences(
    model,
    asked.flatMap(({ pairs }) => pairs),
    ctx,
    {
      greedy: true,
      ...(batchTokens === undefined ? {} : { maxTokens: batchTokens }),
      progress,
    },
  );
  let next = 0;
  const samples = asked.map(({ question, pairs }, docId): Sample => {
    const responses = scores
      .slice(next, (next += pairs.length))
      .map(({ logProbabilities, greedy }) => [sum32(logProbabilities), greedy === true] as const);
    return { docId, question, responses, metrics: judge(name, question, responses) };
  });
  return {
    task: name,
    metrics: aggregate(name, samples),
    original: rows.length,
    effective: samples.length,
    samples,
    truncated: encoder.truncated,
  };
}

function inRow(thrown: unknown, name: TaskName, docId: number): LoraShearError {
  const { code, message, hint = '', facts } = asLoraShearError(thrown);
  return new LoraShearError(code, `${name}, row ${docId}: ${message}`, {
    hint,
    facts: { ...facts, task: name, row: docId },
    cause: thrown,
  });
}

/** Summed with care, then as a float32 like lm-eval's. */
function sum32(values: Float32Array): number {
  return Math.fround(values.reduce((sum, value) => sum + value, 0));
}

function judge(
  name: TaskName,
  { choices, gold }: Question,
  responses: Sample['responses'],
): Sample['metrics'] {
  const values = responses.map(([value]) => value);
  const perCharacter = values.map((value, i) => value / codePoints(choices[i] ?? ''));
  const best: Record<Metric, number> = { acc: first(values), acc_norm: first(perCharacter) };
  return Object.fromEntries(
    tasks[name].metrics.map((metric) => [metric, best[metric] === gold ? 1 : 0]),
  );
}

/** Index of the largest value, the first of equal ones. */
function first(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

function aggregate(name: TaskName, samples: readonly Sample[]): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const metric of tasks[name].metrics) {
    const { mean, stderr } = statistics(samples.map((sample) => sample.metrics[metric] ?? 0));
    metrics[`${metric},none`] = mean;
    if (samples.length > 1) metrics[`${metric}_stderr,none`] = stderr;
  }
  return metrics;
}
