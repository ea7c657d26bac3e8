// The commands by name; the code of each is loaded when it is asked for.
import type { Command } from 'commander';

/** A command before its code is loaded. */
export interface Entry {
  summary: string;
  /** `argv` is what was typed after the program's name, for the manifest of a run. */
  load: (argv: readonly string[]) => Promise<Command>;
}

/** In the order of the help. */
export const commands: Readonly<Record<string, Entry>> = {
  run: {
    summary: 'prune a model and recover it: the whole job, with a report',
    load: async (argv) => (await import('./run.js')).runCommand(argv),
  },
  analyze: {
    summary: 'find out where knowledge sits in a model',
    load: async (argv) => (await import('./staged.js')).stagedCommand('analyze', argv),
  },
  prune: {
    summary: 'prune a model and export what is left, without recovery',
    load: async (argv) => (await import('./staged.js')).stagedCommand('prune', argv),
  },
  recover: {
    summary: 'recover a pruned model, and report',
    load: async (argv) => (await import('./recover.js')).recoverCommand(argv),
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
  bench: {
    summary: 'measure this machine: ours beside the Python peers',
    load: async () => (await import('../../bench/command.js')).benchCommand(),
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
