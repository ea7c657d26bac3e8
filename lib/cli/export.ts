// `lorashear-native export`: the model of a run in another form.
import { Command, Option } from 'commander';
import { forms, type Form } from '../checkpoint/form_of.js';
import { LoraShearError } from '../errors.js';
import type { EngineName } from '../plan/engines/names.js';
import { listOf } from './job_options.js';

interface ExportFlags {
  output: string;
  form?: Form;
  maxShardBytes?: string;
  engines?: string;
  device?: string;
  threads?: string;
  json?: boolean;
}

/** The `export` subcommand. */
export function exportCommand(): Command {
  return new Command('export')
    .description('write the model of a run once more, in another form or for other engines')
    .argument('<run>', 'run folder of `prune` or `run`')
    .requiredOption('-o, --output <dir>', 'folder of the model, new or of an earlier export')
    .addOption(new Option('-f, --form <name>', "default: the run's own").choices([...forms]))
    .option('--max-shard-bytes <n>', 'largest number of bytes of weights in one file [5e9]')
    .option('--engines <names>', 'engines that must load it: transformers,vllm,llama.cpp')
    .option('--device <name>', 'cpu, cuda or cuda:N', 'cpu')
    .option('--threads <n>', "threads [libtorch's own choice]")
    .option('--json', 'print the result as one JSON object')
    .option('--debug', 'show the stack of an error')
    .addHelpText(
      'after',
      `
uniform    all layers alike; stock transformers, vllm and llama.cpp load it
padded     zeros make layers alike that are not; loads everywhere, larger
per-layer  each layer as it is; smallest (docs/export.md says what loads it)

Examples:
  lorashear-native export runs/tiny-20 --output models/tiny-20
  lorashear-native export runs/tiny-20 --form padded --output models/tiny-20-padded
  lorashear-native export runs/tiny-20 --output models/tiny-20 --engines transformers,llama.cpp`,
    )
    .action(async (run: string, flags: ExportFlags) => {
      const { exportModel } = await import('../engine/client.js');
      const { engineSession } = await import('./engine_session.js');
      const { exportText } = await import('./staged_summary.js');
      const request = {
        ...{ run, output: flags.output, form: flags.form, device: flags.device },
        maxShardBytes: wholeOf('--max-shard-bytes', flags.maxShardBytes),
        threads: wholeOf('--threads', flags.threads),
        engines: flags.engines === undefined ? undefined : (listOf(flags.engines) as EngineName[]),
      };
      const exported = await engineSession({ json: false }, (session) =>
        exportModel(request, session),
      );
      process.stdout.write(
        flags.json ? `${JSON.stringify(exported, null, 2)}\n` : exportText(exported),
      );
    });
}

/** @throws CONFIG_INVALID for what is no whole number from 1 on */
function wholeOf(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new LoraShearError('CONFIG_INVALID', `${flag} ${value} is no whole number from 1 on`, {
    hint: `give for example ${flag} 5000000000`,
  });
}
