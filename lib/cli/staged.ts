// `lorashear-native analyze` and `prune`: a run that ends at the knowledge map, or at the cut model.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Job } from '../config/job.js';
import type { Override } from '../config/overrides.js';
import { LoraShearError } from '../errors.js';
import { commandLine } from './arguments.js';
import { stagePlan } from './stage_plan.js';
import { addJobOptions, type JobFlags, jobOf, overridesOf } from './job_options.js';

interface StagedFlags extends JobFlags {
  resume?: boolean;
  json?: boolean;
}

const goals = {
  analyze: {
    description: 'find out where knowledge sits in a model, and what a cut would take from where',
    examples: `
Examples:
  lorashear-native analyze models/tiny --source web=data/web --output runs/tiny
  lorashear-native analyze models/tiny --source web=data/web knowledge.ratios=[0.5] knowledge.pairs=4
  lorashear-native prune runs/tiny --ratio 0.5        # goes on with what was found`,
  },
  prune: {
    description: 'prune a model and export what is left, without recovery',
    examples: `
Examples:
  lorashear-native prune models/tiny --ratio 0.2 --source web=data/web --output runs/tiny-20
  lorashear-native prune runs/tiny --ratio 0.5 --method one-shot --saliency wanda
  lorashear-native prune runs/tiny --ratio 0.5 --allocation global --form per-layer
  lorashear-native recover runs/tiny-20               # goes on to recovery and report`,
  },
} as const;

/** The subcommand of `goal`. `argv` is what was typed after the program's name, for the manifest. */
export function stagedCommand(goal: keyof typeof goals, argv: readonly string[]): Command {
  const { description, examples } = goals[goal];
  return addJobOptions(new Command(goal).description(description), 'model')
    .option('--resume', 'go on with a run that was stopped')
    .option('--json', 'print one JSON object for each event, and the result')
    .option('--debug', 'show the stack of an error')
    .addHelpText('after', examples)
    .action(async (first: string | undefined, overrides: string[], flags: StagedFlags) => {
      const operands = first === undefined ? overrides : [first, ...overrides];
      const { job, amend } = await stagedJob(operands, flags);
      const { json = false, resume } = flags;
      const options = { command: commandLine(argv), resume, amend };
      const client = await import('../engine/client.js');
      const { engineSession, printJson } = await import('./engine_session.js');
      const text = await import('./staged_summary.js');
      const plan = stagePlan(goal, job);
      if (goal === 'analyze') {
        const found = await engineSession({ json, plan }, (session) =>
          client.analyze(job, { ...session, ...options }),
        );
        if (json) printJson({ type: 'result', ...found });
        else process.stdout.write(text.analysisText(found));
        return;
      }
      const cut = await engineSession({ json, plan }, (session) =>
        client.prune(job, { ...session, ...options }),
      );
      if (json) printJson({ type: 'result', ...cut });
      else process.stdout.write(text.pruneText(cut));
    });
}

/**
 * The job of a model folder, a job file, or an earlier run's folder (whose job is taken, with changes), flags and
 * `key=value`.
 * @throws CONFIG_INVALID, RUN_CORRUPT
 */
export async function stagedJob(
  operands: readonly string[],
  flags: JobFlags,
): Promise<{ job: Job; amend: boolean }> {
  const [named, ...more] = operands.filter((operand) => !operand.includes('='));
  const folder =
    named !== undefined && (statSync(named, { throwIfNoEntry: false })?.isDirectory() ?? false)
      ? named
      : undefined;
  if (folder === undefined || more.length > 0)
    return { job: await jobOf(operands, flags), amend: false };
  const rest = operands.filter((operand) => operand !== folder);
  if (!existsSync(join(folder, 'manifest.json'))) {
    if (flags.model !== undefined) {
      throw new LoraShearError(
        'CONFIG_INVALID',
        `two models were given: ${folder} and --model ${flags.model}`,
        { hint: 'give one of them' },
      );
    }
    return { job: await jobOf(rest, { ...flags, model: folder }), amend: false };
  }
  const { readManifest } = await import('../run_folder/manifest.js');
  const { jobInputOf } = await import('../config/job_input.js');
  const { parseJob } = await import('../config/parse_job.js');
  const output = resolve(folder);
  const overrides: Override[] = [...rest, ...overridesOf({ ...flags, output })];
  return {
    job: parseJob(jobInputOf(readManifest(output).job), { overrides, file: folder }),
    amend: true,
  };
}
