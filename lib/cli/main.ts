// The command line: parses process.argv when imported; a command's code is loaded when it is asked for.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { normaliseArguments } from './arguments.js';
import { commands } from './commands.js';

const typed = normaliseArguments(process.argv.slice(2));
const debug = typed.includes('--debug');
const argv = typed.filter((word) => word !== '--debug');

function version(): string {
  const path = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

const program = new Command('lorashear-native')
  .description(
    'Structured pruning of language models with LoRA: discover, prune, cut, recover, prove.',
  )
  .version(version())
  .showSuggestionAfterError()
  .showHelpAfterError('(`--help` lists what there is)')
  .exitOverride()
  .addHelpText(
    'after',
    '\nStart here:\n  lorashear-native run --model DIR --source NAME=PATH --ratio 0.2\n  lorashear-native run --help',
  );

// `help run` and `run --help` both ask for the same command.
const asked = argv.find((word) => !word.startsWith('-') && word !== 'help') ?? '';
for (const [name, { summary, load }] of Object.entries(commands)) {
  if (name === asked)
    program.addCommand((await load(process.argv.slice(2))).copyInheritedSettings(program));
  else program.command(name).description(summary);
}

// `lorashear-native … | head` ends quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync(argv, { from: 'user' });
} catch (thrown) {
  if (thrown instanceof CommanderError) {
    // Help and version are no errors; a wrong flag is a wrong configuration.
    process.exitCode = thrown.exitCode === 0 || thrown.code === 'commander.help' ? 0 : 2;
  } else {
    const { printError } = await import('./print_error.js');
    const json = argv.includes('--json');
    process.exitCode = printError(thrown, { json, debug });
  }
}
