// The flags that `run` and `plan` share, and the job that they make with a job file and `key=value` overrides.
import { type Command, Option } from 'commander';
import type { Job } from '../config/job.js';
import type { Override } from '../config/overrides.js';
import { LoraShearError } from '../errors.js';
import { saliencyFacts, saliencyNames } from '../saliency/names.js';

/** As commander gives them; all text, so that the job's schema judges every value. */
export interface JobFlags {
  model?: string;
  output?: string;
  ratio?: string;
  seed?: string;
  threads?: string;
  device?: string;
  source?: string[];
  instruct?: string;
  sequenceLength?: string;
  batchSize?: string;
  tokens?: string;
  steps?: string;
  saliency?: string;
  method?: string;
  budget?: string;
  allocation?: string;
  form?: string;
  tasks?: string;
  perplexity?: string[];
  limit?: string;
}

/** Flags whose value goes to the key of a job as it is. */
const texts = {
  model: 'model',
  output: 'output',
  device: 'device',
  instruct: 'instruct.path',
  saliency: 'lhspg.saliency',
  budget: 'cut.budget',
  allocation: 'cut.allocation',
  form: 'export.form',
} as const;

/** Flags whose value is a number. */
const numbers = {
  ratio: 'ratio',
  seed: 'seed',
  threads: 'threads',
  sequenceLength: 'sequence_length',
  batchSize: 'batch_size',
  tokens: 'tokens',
  steps: 'steps',
  limit: 'evaluation.limit',
} as const;

/** The saliencies, a line for each, with what they are computed from. */
export function saliencyHelp(): string {
  const width = Math.max(...saliencyNames.map(({ length }) => length));
  const lines = saliencyNames.map((name) => {
    const { description, needs } = saliencyFacts[name];
    return `  ${name.padEnd(width)}  ${description} [${needs}]`;
  });
  return `\nSaliencies (docs/saliency.md):\n${lines.join('\n')}`;
}

/** @param first what the first operand may be besides a job file */
export function addJobOptions(command: Command, first?: 'model'): Command {
  const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];
  return command
    .argument(
      first === 'model' ? '[model]' : '[job]',
      first === 'model'
        ? 'model folder, YAML job file, or folder of an earlier run to go on with'
        : 'YAML job file, see docs/job.schema.json',
    )
    .argument('[overrides...]', 'any key of a job: lhspg.periods=3')
    .optionsGroup('Model:')
    .option('-m, --model <dir>', 'dense model: a Hugging Face folder (also --base-model)')
    .option('-r, --ratio <share>', 'share of all parameters to remove [0.2]')
    .option('-o, --output <dir>', 'run folder [runs/<model>-<ratio>]')
    .optionsGroup('Data:')
    .addOption(
      new Option('-s, --source <name=path>', 'pretraining text; repeat for each source').argParser(
        collect,
      ),
    )
    .option('-i, --instruct <path>', "instructions in Alpaca's format")
    .optionsGroup('Training:')
    .option('--tokens <n>', 'training tokens of pruning and pretraining recovery [400000]')
    .option('--steps <n>', 'the same in optimiser steps')
    .option('--sequence-length <n>', "tokens of a window [256, or the model's context]")
    .option('--batch-size <n>', 'windows in one optimiser step [16]')
    .optionsGroup('Cut and export:')
    .option(
      '--saliency <name>',
      'units of the least score go, see below; mixed as magnitude=0.5,wanda=0.5 [reconstruction]',
    )
    .option(
      '--method <name>',
      'lhspg (the same as transfer), paper, one-shot, one-shot-transfer [lhspg]',
    )
    .option('--budget <measure>', 'what the ratio is of: parameters, macs, kv, memory [parameters]')
    .option('--allocation <rule>', 'what each layer loses: layer (alike), global, kind [layer]')
    .option('--form <name>', 'export: uniform, padded, per-layer [uniform]')
    .optionsGroup('Evaluation:')
    .option('--tasks <names>', 'tasks to evaluate, with commas: arc_easy,boolq')
    .addOption(
      new Option(
        '--perplexity <protocol:text>',
        'perplexity by protocol: gptq:wikitext2, llm-pruner:ptb=FILE; repeat for more',
      ).argParser(collect),
    )
    .option('--limit <n>', 'documents of each task [all]')
    .optionsGroup('Machine:')
    .option('--seed <n>', 'seed of every random choice [0]')
    .option('--device <name>', 'cpu, cuda or cuda:N [cpu]')
    .option('--threads <n>', "threads [libtorch's own choice]")
    .optionsGroup('This command:')
    .addHelpText('after', saliencyHelp);
}

/** Whether any setting was given. */
export function hasSettings(operands: readonly string[], flags: JobFlags): boolean {
  return operands.length > 0 || overridesOf(flags).length > 0;
}

/**
 * The job of a file (the first operand without `=`), `key=value` operands and flags, in this order.
 * @throws CONFIG_INVALID with every problem
 */
export async function jobOf(operands: readonly string[], flags: JobFlags): Promise<Job> {
  const files = operands.filter((operand) => !operand.includes('='));
  const [file, another] = files;
  if (another !== undefined) {
    throw new LoraShearError('CONFIG_INVALID', `two job files were given: ${files.join(', ')}`, {
      hint: 'give one job file; everything else is key=value or a flag',
    });
  }
  const overrides = [...operands.filter((o) => o.includes('=')), ...overridesOf(flags)];
  const job = await parse(file, overrides);
  const { tasks, perplexity, dataDir } = job.evaluation;
  if (tasks.length + perplexity.length === 0 || dataDir !== undefined) return job;
  const { hubCacheFolder } = await import('../data/hub_cache.js');
  return { ...job, evaluation: { ...job.evaluation, dataDir: hubCacheFolder(process.env) } };
}

async function parse(file: string | undefined, overrides: readonly Override[]): Promise<Job> {
  const { hubCacheFolder } = await import('../data/hub_cache.js');
  const hub = hubCacheFolder(process.env);
  if (file !== undefined) {
    const { loadJob } = await import('../config/load_job.js');
    return loadJob(file, overrides, hub);
  }
  const { parseJob } = await import('../config/parse_job.js');
  return parseJob({}, { overrides, file: 'the command', hub });
}

/** What the flags set in a job. */
export function overridesOf(flags: JobFlags): Override[] {
  const given: Override[] = [];
  for (const [flag, key] of Object.entries(texts)) {
    const value = flags[flag as keyof typeof texts];
    if (value !== undefined) given.push([key, value]);
  }
  for (const [flag, key] of Object.entries(numbers)) {
    const value = flags[flag as keyof typeof numbers];
    if (value !== undefined) given.push([key, numberOr(value)]);
  }
  const { method } = flags;
  if (method !== undefined) given.push(['lhspg.form', method === 'lhspg' ? 'transfer' : method]);
  for (const source of flags.source ?? []) given.push(sourceOf(source));
  if (flags.tasks !== undefined) given.push(['evaluation.tasks', listOf(flags.tasks)]);
  if (flags.perplexity) given.push(['evaluation.perplexity', flags.perplexity]);
  return given;
}

/** What is no number stays text, and the schema says so. */
const numberOr = (value: string) =>
  value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;

/** `a, b` → ['a', 'b']. */
export const listOf = (value: string): string[] =>
  value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

function sourceOf(source: string): Override {
  const at = source.indexOf('=');
  if (at > 0 && at < source.length - 1) {
    return [`sources.${source.slice(0, at)}`, source.slice(at + 1)];
  }
  throw new LoraShearError('CONFIG_INVALID', `--source ${source} is no NAME=PATH`, {
    hint: 'name each source: --source web=data/web --source books=data/books.txt',
    facts: { source },
  });
}
