// `lorashear-native report`: makes the report of a run again, also of one that was stopped.
import { Command } from 'commander';

/** The `report` subcommand. */
export function reportCommand(): Command {
  return new Command('report')
    .description("make report.html, report.md and report.json from a run folder's artefacts")
    .argument('<folder>', 'run folder')
    .option('--json', 'print one JSON object with the paths')
    .option('--debug', 'show the stack of an error')
    .addHelpText('after', examples)
    .action(async (folder: string, { json = false }: { json?: boolean }) => {
      const { writeReport } = await import('../report/write_report.js');
      const paths = writeReport(folder);
      process.stdout.write(
        json ? `${JSON.stringify(paths)}\n` : `${Object.values(paths).join('\n')}\n`,
      );
    });
}

const examples = `
report.html needs no other file; report.json holds the same as data (docs/report.md).

Examples:
  lorashear-native report runs/tiny-20
  lorashear-native report runs/stopped          # what there is so far, and what is missing
  jq '.value.headlines' runs/tiny-20/report.json`;
