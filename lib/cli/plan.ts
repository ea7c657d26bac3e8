// `lorashear-native plan`: what a run would cut and how long it would train, without touching a weight.
import { Command } from 'commander';
import type { Job } from '../config/job.js';
import { addJobOptions, type JobFlags, jobOf } from './job_options.js';

/** The `plan` subcommand. */
export function planCommand(): Command {
  const command = new Command('plan').description('show what a run would do, without doing it');
  return addJobOptions(command)
    .option('--json', 'print one JSON object')
    .option('--debug', 'show the stack of an error')
    .addHelpText('after', '\nIt takes what `run` takes.')
    .action(
      async (
        job: string | undefined,
        overrides: string[],
        { json = false, ...flags }: JobFlags & { json?: boolean },
      ) => {
        const operands = job === undefined ? overrides : [job, ...overrides];
        await printPlan(await jobOf(operands, flags), { json });
      },
    );
}

/** Plans the job and prints it. */
export async function printPlan(job: Job, { json }: { json: boolean }): Promise<void> {
  const { plan } = await import('../engine/client.js');
  const { engineSession } = await import('./engine_session.js');
  const { percent, whole } = await import('../report/format.js');
  const found = await engineSession({ json: false }, (options) => plan(job, options));
  if (json) {
    process.stdout.write(`${JSON.stringify({ job, ...found }, null, 2)}\n`);
    return;
  }
  const { widths, budget, description } = found;
  const sources = job.sources.map(({ name }) => name).join(', ');
  const instructions = job.instruct
    ? [`instructions  ${whole(job.instructTuning.tokens)} tokens on ${job.instruct.path}`]
    : [];
  const lines = [
    description,
    '',
    `cut           ${widths.kvHeadsRemovedPerLayer} kv heads and ${whole(widths.channelsRemovedPerLayer)} MLP channels of each layer: ${whole(widths.parameters)} parameters, ${percent(widths.achievedRatio, 2)} (asked: ${percent(job.ratio)})`,
    `pruning       ${whole(budget.lhspg)} steps of ${whole(budget.tokensPerStep)} tokens, ${whole(budget.warmup)} of them warm-up, ${job.lhspg.periods} periods`,
    `recovery      ${whole(budget.recovery)} steps in ${job.recovery.rounds} rounds on ${sources}`,
    ...instructions,
    `output        ${job.output}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
