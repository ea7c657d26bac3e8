// Results as lm-eval 0.4.13 writes them: one JSON file, and one line per document where samples are asked for.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { flushFolder, writeFailure, writeTextDurably } from '../checkpoint/durable_file.js';
import type { Comparison } from './compare.js';
import { tasks } from './index.js';
import type { Sample, TaskResult } from './multiple_choice.js';
import { type ResultEntry, perplexityEntry } from './perplexity_results.js';
import { floatText } from './python_text.js';
import { taskConfig } from './task_config.js';
import type { TextPerplexity } from './text_perplexity.js';

/** What was evaluated, when, and how. */
export interface EvaluationFacts {
  /** Folder of the model, as given. */
  readonly model: string;
  readonly parameters: number;
  /** Of the weights as computed with. */
  readonly dtype: string;
  readonly device: string;
  readonly maxLength: number;
  readonly batchTokens: number;
  readonly limit: number | null;
  readonly tokenizer: {
    readonly bos: readonly [token: string, id: number] | null;
    readonly eos: readonly [token: string, id: number] | null;
  };
  /** Seconds since 1970. */
  readonly start: number;
  readonly end: number;
}

/** lm-eval's result file, with our own block `lorashear`. */
export interface EvaluationResults {
  results: Record<string, Record<string, number | string>>;
  'n-samples': Record<string, { original: number; effective: number }>;
  lorashear: {
    /** The evaluator whose log-likelihoods and metrics these are, and the protocol's name. */
    protocol: string;
    batch_tokens: number;
    /** Perplexities with protocol, windows and tokens. */
    perplexity: readonly TextPerplexity[];
    /** Per task: pairs cut on the left to fit the context. */
    truncated: Record<string, number>;
    /** Against another model, where one was named. */
    comparison?: Comparison;
    /** Per task: name of the file with its samples, beside the result file. */
    samples: Record<string, string>;
  };
  [key: string]: unknown;
}

export function resultsOf(
  outcomes: readonly TaskResult[],
  perplexities: readonly TextPerplexity[],
  facts: EvaluationFacts,
): EvaluationResults {
  const entries = perplexities.map(perplexityEntry);
  const perText = <T>(value: (entry: ResultEntry) => T): Record<string, T> =>
    Object.fromEntries(entries.map(([name, entry]) => [name, value(entry)]));
  const perTask = <T>(value: (outcome: TaskResult) => T): Record<string, T> =>
    Object.fromEntries(outcomes.map((outcome) => [outcome.task, value(outcome)]));
  const alphabetical = [...outcomes].sort((a, b) => (a.task < b.task ? -1 : 1));
  const sorted = <T>(value: (outcome: TaskResult) => T): Record<string, T> =>
    Object.fromEntries(alphabetical.map((outcome) => [outcome.task, value(outcome)]));
  return {
    results: {
      ...perTask(({ task, metrics, effective }) => ({
        name: task,
        alias: task,
        sample_len: effective,
        ...withStandardErrors(metrics),
      })),
      ...perText(({ results }) => results),
    },
    group_subtasks: {},
    configs: { ...sorted(({ task }) => taskConfig(task)), ...perText(({ config }) => config) },
    versions: {
      ...sorted(({ task }) => tasks[task].version),
      ...perText(({ version }) => version),
    },
    'n-shot': { ...sorted(() => 0), ...perText(() => 0) },
    higher_is_better: {
      ...sorted(({ task }) =>
        Object.fromEntries(tasks[task].metrics.map((metric) => [metric, true])),
      ),
      ...perText(({ higherIsBetter }) => higherIsBetter),
    },
    'n-samples': {
      ...perTask(({ original, effective }) => ({ original, effective })),
      ...perText(({ samples }) => samples),
    },
    config: {
      model: 'lorashear-native',
      model_args: { pretrained: facts.model, dtype: facts.dtype, max_length: facts.maxLength },
      model_num_parameters: facts.parameters,
      model_dtype: `torch.${facts.dtype}`,
      batch_size: 'auto',
      batch_sizes: [],
      device: facts.device,
      use_cache: null,
      limit: facts.limit,
      bootstrap_iters: 0, // a mean's standard error needs none, and nothing is drawn at random
      gen_kwargs: {},
      random_seed: null,
      numpy_seed: null,
      torch_seed: null,
      fewshot_seed: null,
    },
    git_hash: null,
    date: facts.start,
    tokenizer_eos_token: facts.tokenizer.eos,
    tokenizer_bos_token: facts.tokenizer.bos,
    eot_token_id: facts.tokenizer.eos?.[1] ?? null,
    max_length: facts.maxLength,
    task_hashes: perTask(({ samples }) => taskHash(samples)),
    model_source: 'lorashear-native',
    model_name: facts.model,
    model_name_sanitized: sanitised(facts.model),
    system_instruction: null,
    system_instruction_sha: null,
    fewshot_as_multiturn: null,
    chat_template: null,
    chat_template_sha: null,
    start_time: facts.start,
    end_time: facts.end,
    total_evaluation_time_seconds: String(facts.end - facts.start),
    lorashear: {
      protocol: 'lm-eval 0.4.13, zero-shot',
      batch_tokens: facts.batchTokens,
      perplexity: perplexities,
      truncated: perTask(({ truncated }) => truncated),
      samples: {},
    },
  };
}

/** lm-eval writes N/A where one document gives no standard error. */
function withStandardErrors(metrics: Record<string, number>): Record<string, number | string> {
  const found: Record<string, number | string> = {};
  for (const [key, value] of Object.entries(metrics)) {
    found[key] = value;
    const stderr = key.replace(',none', '_stderr,none');
    if (!key.includes('_stderr') && !(stderr in metrics)) found[stderr] = 'N/A';
  }
  return found;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function hashes({ question: { doc, pairs, target } }: Sample): [string, string, string] {
  return [sha256(JSON.stringify(doc, null, 2)), sha256(pairs[0]?.[0] ?? ''), sha256(target)];
}

/** Over documents, prompts and targets: equal hashes mean that the same questions were asked. */
function taskHash(samples: readonly Sample[]): string {
  return sha256(samples.map((sample) => hashes(sample).join('')).join(''));
}

/** One line of lm-eval's samples file. */
export function sampleLine(sample: Sample): Record<string, unknown> {
  const { doc, pairs, target } = sample.question;
  const responses = sample.responses.map(([value, greedy]) => [
    floatText(value),
    greedy ? 'True' : 'False',
  ]);
  const [doc_hash, prompt_hash, target_hash] = hashes(sample);
  return {
    doc_id: sample.docId,
    doc,
    target,
    arguments: Object.fromEntries(
      pairs.map(([context, answer], i) => [
        `gen_args_${i}`,
        { arg_0: context, arg_1: ` ${answer}` },
      ]),
    ),
    resps: responses.map((response) => [response]),
    filtered_resps: responses,
    filter: 'none',
    metrics: Object.keys(sample.metrics),
    doc_hash,
    prompt_hash,
    target_hash,
    ...sample.metrics,
  };
}

/**
 * Writes the results, whole or not at all, and says where. `output` ending in .json is the file itself; any other is
 * a folder, below which lm-eval's names are used: `<model>/results_<time>.json`. Samples go beside the results as
 * `samples_<task>_<time>.jsonl`; `results.lorashear.samples` names them.
 * @throws LoraShearError `OUTPUT_FAILED`
 */
export function writeResults(
  output: string,
  results: EvaluationResults,
  samplesOf: readonly TaskResult[],
): string {
  const start = new Date(Number(results['date']) * 1000);
  const stamp = start.toISOString().replace('Z', '').replaceAll(':', '-');
  const isFile =
    extname(output) === '.json' && !(existsSync(output) && statSync(output).isDirectory());
  const path = isFile
    ? output
    : join(output, String(results['model_name_sanitized']), `results_${stamp}.json`);
  const samples = samplesOf.map((outcome) => ({
    task: outcome.task,
    file: `samples_${outcome.task}_${stamp}.jsonl`,
    text: outcome.samples.map((sample) => `${JSON.stringify(sampleLine(sample))}\n`).join(''),
  }));
  const named = Object.fromEntries(samples.map(({ task, file }) => [task, file]));
  results.lorashear.samples = named;
  try {
    mkdirSync(dirname(path), { recursive: true });
    for (const { file, text } of samples) writeWhole(join(dirname(path), file), text);
    writeWhole(path, `${JSON.stringify(results, null, 2)}\n`);
    flushFolder(dirname(path));
  } catch (thrown) {
    throw writeFailure(path, thrown);
  }
  return path;
}

function writeWhole(path: string, text: string): void {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    writeTextDurably(beside, text);
    renameSync(beside, path);
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw thrown;
  }
}

/** lm-eval's `sanitize_model_name`. */
function sanitised(name: string): string {
  return name.replace(/["<>:/|\\?*[\]]+/g, '__');
}
