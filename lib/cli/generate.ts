// `lorashear-native generate`: a model's continuation of a prompt, or its answer in a chat, as it comes.
import { Command } from 'commander';
import { LoraShearError } from '../errors.js';
import { numberOf } from './evaluate.js';

interface GenerateFlags {
  prompt?: string;
  file?: string;
  chat?: boolean;
  system?: string;
  maxNewTokens?: string;
  greedy?: boolean;
  temperature?: string;
  topK?: string;
  topP?: string;
  minP?: string;
  repetitionPenalty?: string;
  seed?: string;
  stop?: string[];
  ignoreEos?: boolean;
  dtype?: string;
  device?: string;
  threads?: string;
  json?: boolean;
}

/** The `generate` subcommand. */
export function generateCommand(): Command {
  return new Command('generate')
    .description('write after a prompt, or answer in a chat')
    .argument('<model>', 'Hugging Face folder, pruned or not')
    .optionsGroup('Prompt:')
    .option('-p, --prompt <text>', 'text to go on with; in a chat, what the user says')
    .option('-f, --file <path>', 'the prompt from a UTF-8 file, without its last line break')
    .option('--chat', "put the prompt into the checkpoint's chat template")
    .option('--system <text>', 'system message of the chat')
    .optionsGroup('Length and end:')
    .option(
      '-n, --max-new-tokens <n>',
      'most tokens to write [128, or what the context has room for]',
    )
    .option('--stop <text>', 'end before this text; may be given several times', listed)
    .option('--ignore-eos', 'go on after end tokens')
    .optionsGroup('Drawing tokens:')
    .option('--greedy', 'always the most probable token, as without any of the next four')
    .option('--temperature <t>', 'draw tokens; below 1 more probable ones, above 1 others')
    .option('--top-k <n>', 'draw from the n most probable tokens')
    .option('--top-p <p>', 'draw from the most probable tokens that together have probability p')
    .option('--min-p <p>', "draw from tokens with p of the most probable one's probability")
    .option('--repetition-penalty <x>', 'make tokens that occurred less probable; above 1')
    .option('--seed <n>', 'of the draws; the same gives the same text [0]')
    .optionsGroup('Machine:')
    .option('--dtype <name>', "float32, bfloat16, float16 or auto (the checkpoint's own)")
    .option('--device <name>', 'cpu, cuda or cuda:N', 'cpu')
    .option('--threads <n>', "threads [libtorch's own choice]")
    .optionsGroup('Output:')
    .option('--json', 'print one JSON object with ids, text, why it ended and how fast it was')
    .option('--debug', 'show the stack of an error')
    .addHelpText(
      'after',
      `
Examples:
  lorashear-native generate DIR --prompt "Once upon a time"
  lorashear-native generate DIR --chat --prompt "Who are you?" --temperature 0.7 --top-p 0.9 --seed 1
  lorashear-native generate DIR --file prompt.txt -n 200 --stop "The end" --json`,
    )
    .action(async (model: string, flags: GenerateFlags) => {
      const request = { model, ...(await promptOf(flags)), ...settingsOf(flags) };
      const { printGenerated } = await import('./print_generated.js');
      await printGenerated(request, { json: flags.json === true });
    });
}

/** @throws CONFIG_INVALID when there is not one prompt, or a system message without a chat */
async function promptOf({ prompt, file, chat = false, system }: GenerateFlags) {
  if ((prompt === undefined) === (file === undefined)) {
    const given = prompt === undefined ? 'no prompt was' : 'a prompt and a file were';
    throw wrong(`${given} given`, 'give --prompt TEXT or --file PATH');
  }
  if (system !== undefined && !chat) {
    throw wrong('--system was given without --chat', 'add --chat: plain prompts have no roles');
  }
  const text = prompt ?? (await fileText(file ?? ''));
  if (!chat) return { prompt: text };
  const messages = [{ role: 'user', content: text }];
  return {
    messages: system === undefined ? messages : [{ role: 'system', content: system }, ...messages],
  };
}

async function fileText(file: string): Promise<string> {
  const { readTextFile } = await import('../data/text_file.js');
  return (await readTextFile(file)).replace(/\r?\n$/, '');
}

function settingsOf(flags: GenerateFlags) {
  const draws = (['temperature', 'topK', 'topP', 'minP'] as const).filter(
    (key) => flags[key] !== undefined,
  );
  if (flags.greedy === true && draws.some((key) => key !== 'temperature' || flags[key] !== '0')) {
    const names = draws.map((key) => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);
    throw wrong(`--greedy was given with ${names.join(', ')}`, 'leave out one or the other');
  }
  return {
    maxNewTokens: numberOf('--max-new-tokens', flags.maxNewTokens),
    temperature: fromZero('--temperature', flags.temperature),
    topK: numberOf('--top-k', flags.topK),
    topP: numberOf('--top-p', flags.topP),
    minP: fromZero('--min-p', flags.minP),
    repetitionPenalty: numberOf('--repetition-penalty', flags.repetitionPenalty),
    seed: fromZero('--seed', flags.seed),
    stop: flags.stop,
    ignoreEnd: flags.ignoreEos,
    dtype: flags.dtype,
    device: flags.device,
    threads: numberOf('--threads', flags.threads),
  };
}

/** As {@link numberOf}, 0 allowed. */
function fromZero(flag: string, value: string | undefined): number | undefined {
  return value?.trim() !== '' && Number(value) === 0 ? 0 : numberOf(flag, value);
}

function listed(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function wrong(message: string, hint: string): LoraShearError {
  return new LoraShearError('CONFIG_INVALID', message, { hint });
}
