// The command line: parses process.argv when imported; a command's code is loaded when it is asked for.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { normaliseArguments } from './arguments.js';

const typed = normaliseArguments(process.argv.slice(2));
const debug = typed.includes('--debug');
const argv = typed.filter((word) => word !== '--debug');

interface Entry {
  summary: string;
  load: () => Promise<Command>;
}

const commands: Readonly<Record<string, Entry>> = {
  run: {
    summary: 'prune a model and recover it: the whole job, with a report',
    load: async () => (await import('./run.js')).runCommand(process.argv.slice(2)),
  },
  analyze: {
    summary: 'find out where knowledge sits in a model',
    load: async () => (await import('./staged.js')).stagedCommand('analyze', process.argv.slice(2)),
  },
  prune: {
    summary: 'prune a model and export what is left, without recovery',
    load: async () => (await import('./staged.js')).stagedCommand('prune', process.argv.slice(2)),
  },
  recover: {
    summary: 'recover a pruned model, and report',
    load: async () => (await import('./recover.js')).recoverCommand(process.argv.slice(2)),
  },
  export: {
    summary: 'write the model of a run once more, in another form',
    load: async () => (await import('./export.js')).exportCommand(),
  },
  plan: {
    summary: 'show what a run would do, without doing it',
    load: async () => (await import('./plan.js')).planCommand(),
  },
  evaluate: {
    summary: 'accuracy of a checkpoint on tasks, equal to lm-eval',
    load: async () => (await import('./evaluate.js')).evaluateCommand(),
  },
  score: {
    summary: 'log-probabilities of the tokens of a text, and its perplexity',
    load: async () => (await import('./score.js')).scoreCommand(),
  },
  generate: {
    summary: 'write after a prompt, or answer in a chat',
    load: async () => (await import('./generate.js')).generateCommand(),
  },
  report: {
    summary: "make the report from a run folder's artefacts",
    load: async () => (await import('./report.js')).reportCommand(),
  },
  setup: {
    summary: 'find or fetch libtorch and build the native addon',
    load: async () => (await import('./setup.js')).setupCommand(),
  },
  doctor: {
    summary: 'say what is installed and how to mend what is wrong',
    load: async () => (await import('./doctor.js')).doctorCommand(),
  },
};

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
  if (name === asked) program.addCommand((await load()).copyInheritedSettings(program));
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
