// `lorashear-native setup`: finds or fetches libtorch and builds the addon, in sight.
import { Command, Option } from 'commander';
import { asLoraShearError } from '../errors.js';
import { ensureNative } from '../setup/build.js';
import { setupProgress } from './setup_progress.js';

interface SetupOptions {
  rebuild?: boolean;
  json?: boolean;
  quietIfReady?: boolean;
}

/** The `setup` subcommand. */
export function setupCommand(): Command {
  return new Command('setup')
    .description('find or fetch libtorch and build the native addon; does only what is missing')
    .option('--rebuild', 'build the addon anew')
    .option('--json', 'print one JSON object per event')
    .addOption(
      new Option('--quiet-if-ready', 'print nothing when nothing is to be done').hideHelp(),
    )
    .addHelpText('after', examples)
    .action(setup);
}

const examples = `
It looks for libtorch in LORASHEAR_LIBTORCH, in a Python with PyTorch, and in the user cache, and fetches it there
otherwise. Other commands do the same when it was not done.

Examples:
  lorashear-native setup
  lorashear-native setup --rebuild
  LORASHEAR_LIBTORCH=/opt/libtorch lorashear-native setup`;

async function setup({ rebuild = false, json = false, quietIfReady = false }: SetupOptions) {
  const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  try {
    // Asked for by hand, set-up also loads the addon; before every npm script its presence is enough.
    const verify = !quietIfReady;
    const onEvent = json ? print : setupProgress();
    const { addon, libtorch } = await ensureNative(onEvent, { rebuild, verify });
    if (json) print({ kind: 'ready', addon, libtorch });
    else if (!quietIfReady) {
      const { version, folder, why } = libtorch;
      process.stdout.write(`libtorch ${version} in ${folder} (${why})\naddon ${addon}\nready\n`);
    }
  } catch (thrown) {
    if (json) print({ kind: 'error', error: asLoraShearError(thrown).toJSON() });
    throw thrown;
  }
}
