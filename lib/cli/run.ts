// `lorashear-native run`: the whole job, from a dense checkpoint to a smaller one with its report.
import { statSync } from 'node:fs';
import { Command } from 'commander';
import { LoraShearError } from '../errors.js';
import { commandLine } from './arguments.js';
import { stagePlan } from './stage_plan.js';
import { addJobOptions, hasSettings, type JobFlags, jobOf } from './job_options.js';

interface RunFlags extends JobFlags {
  resume?: string | true;
  dryRun?: boolean;
  json?: boolean;
}

/** The `run` subcommand. `argv` is what was typed after the program's name, for the manifest. */
export function runCommand(argv: readonly string[]): Command {
  const command = new Command('run').description(
    'prune a model and recover it: the whole job, with a report',
  );
  return addJobOptions(command)
    .option('--resume [dir]', 'go on with a run that was stopped')
    .option('--dry-run', 'show what would be done, and stop')
    .option('--json', 'print one JSON object for each event, and the result')
    .option('--debug', 'show the stack of an error')
    .addHelpText('after', examples)
    .action(async (job: string | undefined, overrides: string[], flags: RunFlags) => {
      const operands = job === undefined ? overrides : [job, ...overrides];
      if (flags.dryRun) {
        const { printPlan } = await import('./plan.js');
        const asked = { job: await jobOf(operands, flags), settings: {}, modelOnly: false };
        await printPlan(asked, { json: flags.json });
        return;
      }
      await execute(operands, flags, commandLine(argv));
    });
}

const examples = `
Examples:
  lorashear-native run examples/quickstart/job.yaml
  lorashear-native run job.yaml --ratio 0.5 lhspg.periods=3
  lorashear-native run --model models/tiny --source web=data/web --source books=data/books.txt \\
      --instruct data/alpaca.json --ratio 0.2 --output runs/tiny-20
  lorashear-native run --resume runs/tiny-20`;

async function execute(operands: string[], flags: RunFlags, command: string): Promise<void> {
  const { json = false } = flags;
  // `--resume job.yaml` is a job file behind a flag that takes a folder.
  const named = typeof flags.resume === 'string' ? flags.resume : undefined;
  const isFile =
    named !== undefined && (statSync(named, { throwIfNoEntry: false })?.isFile() ?? false);
  if (isFile) operands.unshift(named);
  const again = isFile ? undefined : named;
  if (again !== undefined && hasSettings(operands, flags)) {
    throw new LoraShearError('CONFIG_INVALID', 'a resumed run keeps the settings it began with', {
      hint: `leave out everything but \`--resume ${again}\`, or start a new run`,
      facts: { folder: again },
    });
  }
  const { stagedJob } = await import('./staged.js');
  const { job, amend } =
    again === undefined ? await stagedJob(operands, flags) : { job: undefined, amend: false };
  const client = await import('../engine/client.js');
  const { engineSession, printJson } = await import('./engine_session.js');
  const { readManifest } = await import('../run_folder/manifest.js');
  const plan = stagePlan('run', job ?? readManifest(again as string).job);
  const summary = await engineSession({ json, plan }, (options) =>
    job === undefined
      ? client.resume(again as string, { ...options, command })
      : client.run(job, { ...options, command, amend, resume: flags.resume !== undefined }),
  );
  if (json) {
    printJson({ type: 'result', ...summary });
    return;
  }
  const { summaryText } = await import('./summary.js');
  process.stdout.write(summaryText(summary));
}
