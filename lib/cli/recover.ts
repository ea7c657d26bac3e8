// `lorashear-native recover`: goes on from a pruned model to the end of the run.
import { Command } from 'commander';
import { commandLine } from './arguments.js';
import type { JobFlags } from './job_options.js';
import { stagePlan } from './stage_plan.js';
import { stagedJob } from './staged.js';

/** The `recover` subcommand. `argv` is what was typed after the program's name, for the manifest. */
export function recoverCommand(argv: readonly string[]): Command {
  return new Command('recover')
    .description('recover a pruned model: training, evaluation, export and report')
    .argument('<run>', 'folder of `prune`, or of a `run` that was stopped after its cut')
    .argument('[overrides...]', 'keys of a job: recovery.rounds=6')
    .option('-i, --instruct <path>', "instructions in Alpaca's format [the run's]")
    .option('--tasks <names>', 'tasks to evaluate, with commas: arc_easy,boolq')
    .option('--limit <n>', 'documents of each task [all]')
    .option('--device <name>', "cpu, cuda or cuda:N [the run's]")
    .option('--threads <n>', "threads [the run's]")
    .option('--json', 'print one JSON object for each event, and the result')
    .option('--debug', 'show the stack of an error')
    .addHelpText('after', examples)
    .action(async (run: string, overrides: string[], { json = false, ...flags }: RecoverFlags) => {
      const { readManifest } = await import('../run_folder/manifest.js');
      readManifest(run); // refuses what holds no run
      const { job } = await stagedJob([run, ...overrides], flags);
      const client = await import('../engine/client.js');
      const { engineSession, printJson } = await import('./engine_session.js');
      const summary = await engineSession({ json, plan: stagePlan('recover', job) }, (session) =>
        client.recover(job, { ...session, command: commandLine(argv) }),
      );
      if (json) {
        printJson({ type: 'result', ...summary });
        return;
      }
      const { summaryText } = await import('./summary.js');
      process.stdout.write(summaryText(summary));
    });
}

type RecoverFlags = JobFlags & { json?: boolean };

const examples = `
What was pruned is read, not repeated; how it was pruned cannot be changed here. A stopped recovery goes on
with the same command. For another form of the model: lorashear-native export.

Examples:
  lorashear-native prune models/tiny --ratio 0.2 --source web=data/web --output runs/tiny-20
  lorashear-native recover runs/tiny-20
  lorashear-native recover runs/tiny-20 --instruct data/alpaca.json recovery.rounds=6`;
