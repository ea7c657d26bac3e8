// `lorashear-native plan`: what a model's parts cost, what a cut leaves and who loads it, without touching a weight.
import { statSync } from 'node:fs';
import { Command } from 'commander';
import type { Job } from '../config/job.js';
import { LoraShearError } from '../errors.js';
import type { ModelPlan, PlanSettings } from '../plan/plan.js';
import { addJobOptions, type JobFlags, jobOf, listOf, overridesOf } from './job_options.js';

interface PlanFlags extends JobFlags {
  target?: string;
  roundChannelsTo?: string;
  kvHeads?: string;
  context?: string;
  batch?: string;
  dtype?: string;
  engines?: string;
  svg?: string;
  probe?: boolean;
  json?: boolean;
}

/** The `plan` subcommand. */
export function planCommand(): Command {
  const command = new Command('plan').description(
    'show what the parts of a model cost, what a cut would leave and which engines load it',
  );
  return addJobOptions(command)
    .option(
      '--target <measure=value>',
      'params=0.2, macs=0.3, kv=0.5, memory=6GB, params=5.4B [params=ratio]',
    )
    .option('--round-channels-to <n>', 'leave a multiple: 128 (or gpu), 256 (or k-quants) [1]')
    .option('--kv-heads <n>', 'key-value heads to remove from each layer, or auto [auto]')
    .option('--context <n>', "tokens of a text in use [the model's context]")
    .option('--batch <n>', 'texts at a time in use [1]')
    .option('--dtype <name>', "float32, bfloat16 or float16 in use [config.json's]")
    .option('--engines <names>', 'transformers,vllm,llama.cpp,gguf-k-quants [all]')
    .option('--svg <file>', 'draw the operator graph')
    .option('--no-probe', 'do not measure this machine, and leave the time of a run out')
    .option('--json', 'print one JSON object')
    .option('--debug', 'show the stack of an error')
    .addHelpText('after', examples)
    .action(async (first: string | undefined, overrides: string[], flags: PlanFlags) => {
      const operands = first === undefined ? overrides : [first, ...overrides];
      await printPlan(await planned(operands, flags), flags);
    });
}

const examples = `
It takes what \`run\` takes, or a model folder alone; config.json in it is enough.

Examples:
  lorashear-native plan models/llama-7b
  lorashear-native plan models/llama-7b --target memory=8GB --round-channels-to k-quants --svg graph.svg
  lorashear-native plan models/llama-7b --target kv=0.5 --context 4096 --batch 8 --json
  lorashear-native plan job.yaml lora.r=4`;

/** A job to plan, and what is asked about it. */
export interface Asked {
  readonly job: Job;
  readonly settings: PlanSettings;
  /** The job's data is made up. */
  readonly modelOnly: boolean;
}

async function planned(operands: readonly string[], flags: PlanFlags): Promise<Asked> {
  const isFolder = (path: string): boolean =>
    !path.includes('=') && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
  const [folder] = operands.filter(isFolder);
  const rest = operands.filter((operand) => operand !== folder);
  if (folder !== undefined && flags.model !== undefined) {
    const what = `two models were given: ${folder} and --model ${flags.model}`;
    throw new LoraShearError('CONFIG_INVALID', what, { hint: 'give one of them' });
  }
  const given: PlanFlags = folder === undefined ? flags : { ...flags, model: folder };
  const heads = flags.kvHeads;
  const extra = heads === undefined ? [] : [`cut.kv_heads=${heads}`];
  const all = [...rest, ...extra];
  const settings = settingsOf(flags);
  const overrides = [...all.filter((operand) => operand.includes('=')), ...overridesOf(given)];
  const named = (override: (typeof overrides)[number]): string =>
    typeof override === 'string' ? override : override[0];
  const whole =
    rest.some((operand) => !operand.includes('=')) ||
    overrides.some((override) => named(override).startsWith('sources'));
  if (whole) return { job: await jobOf(all, given), settings, modelOnly: false };
  const { modelJob } = await import('../plan/model_job.js');
  return { job: modelJob(undefined, {}, overrides), settings, modelOnly: true };
}

const presets: Readonly<Record<string, number>> = { gpu: 128, 'k-quants': 256 };

function settingsOf(flags: PlanFlags): PlanSettings {
  const { target, dtype, engines, context, batch, roundChannelsTo: round } = flags;
  const multiple =
    round === undefined ? undefined : (presets[round] ?? count(round, '--round-channels-to'));
  return {
    ...{ target, dtype, roundChannelsTo: multiple },
    context: context === undefined ? undefined : count(context, '--context'),
    batch: batch === undefined ? undefined : count(batch, '--batch'),
    engines: engines === undefined ? undefined : listOf(engines),
    ...{ probe: flags.probe !== false, svg: flags.svg !== undefined },
  };
}

function count(text: string, flag: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new LoraShearError('CONFIG_INVALID', `${flag} ${text} is no whole number from 1 on`, {
    hint: `write ${flag} 256`,
  });
}

/** Plans and prints. */
export async function printPlan(
  { job, settings, modelOnly }: Asked,
  { json = false, svg: file }: { json?: boolean | undefined; svg?: string | undefined },
): Promise<void> {
  const client = await import('../engine/client.js');
  const { engineSession } = await import('./engine_session.js');
  const found = await engineSession({ json: false }, (options) =>
    modelOnly ? client.planModelOf(job, settings, options) : client.plan(job, options, settings),
  );
  const { svg, ...plan } = found;
  if (file !== undefined && svg !== null) {
    const { writeAtomic } = await import('../run_folder/atomic_write.js');
    writeAtomic(file, svg);
  }
  if (json) {
    process.stdout.write(`${JSON.stringify(modelOnly ? plan : { job, ...plan }, null, 2)}\n`);
    return;
  }
  const { planText } = await import('../plan/describe.js');
  const { default: pc } = await import('picocolors');
  const width = process.stdout.columns || 100;
  const style = { bold: pc.bold, good: pc.green, bad: pc.red };
  const lines = [planText(found, width, style), ...(modelOnly ? [] : await jobLines(job, found))];
  if (file !== undefined) lines.push('', `graph         ${file}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What only a whole job can tell. */
async function jobLines(job: Job, found: ModelPlan): Promise<string[]> {
  if (!('budget' in found)) return [];
  const { whole, percent } = await import('../report/format.js');
  const { budget, widths } = found as import('../run.js').Plan;
  const of = (count: number | null): string => (count === null ? 'a share of the' : whole(count));
  const sources = job.sources.map(({ name }) => name).join(', ');
  const instructions = job.instruct
    ? [`instructions  ${whole(job.instructTuning.tokens)} tokens on ${job.instruct.path}`]
    : [];
  return [
    '',
    `cut           ${of(widths.kvHeadsRemovedPerLayer)} kv heads and ${of(widths.channelsRemovedPerLayer)} MLP channels of each layer: ${whole(widths.parameters)} parameters, ${percent(widths.achieved, 2)} (asked: ${percent(job.ratio)})`,
    `pruning       ${whole(budget.lhspg)} steps of ${whole(budget.tokensPerStep)} tokens, ${whole(budget.warmup)} of them warm-up, ${job.lhspg.periods} periods`,
    `recovery      ${whole(budget.recovery)} steps in ${job.recovery.rounds} rounds on ${sources}`,
    ...instructions,
    `output        ${job.output}`,
  ];
}
