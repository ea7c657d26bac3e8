// `lorashear-native report`: makes the report of a run again, also of one that was stopped.
import { Command } from 'commander';

/** The `report` subcommand. */
export function reportCommand(): Command {
  return new Command('report')
    .description("make report.md and report.html from a run folder's artefacts")
    .argument('<folder>', 'run folder')
    .option('--json', 'print one JSON object with the paths')
    .option('--debug', 'show the stack of an error')
    .action(async (folder: string, { json = false }: { json?: boolean }) => {
      const { writeReport } = await import('../report/write_report.js');
      const { markdown, html } = writeReport(folder);
      process.stdout.write(
        json ? `${JSON.stringify({ markdown, html })}\n` : `${markdown}\n${html}\n`,
      );
    });
}
