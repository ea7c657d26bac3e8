// `lorashear-native score`: the log-probability of every token of a text, and its perplexity.
import { Command } from 'commander';
import type { TextScore } from '../evaluate/score.js';
import { numberOf } from './evaluate.js';
import { columns } from './summary.js';

interface ScoreFlags {
  file: string;
  maxLength?: string;
  batchTokens?: string;
  dtype?: string;
  device?: string;
  threads?: string;
  tokens?: boolean;
  json?: boolean;
}

/** The `score` subcommand. */
export function scoreCommand(): Command {
  return new Command('score')
    .description('log-probabilities of the tokens of a text, and its perplexity')
    .argument('<model>', 'Hugging Face folder, pruned or not')
    .requiredOption('-f, --file <text>', 'UTF-8 text')
    .option('--max-length <n>', "longest window [the model's context]")
    .option('--batch-tokens <n>', 'tokens in one forward pass')
    .option('--dtype <name>', "float32, bfloat16, float16 or auto (the checkpoint's own)")
    .option('--device <name>', 'cpu, cuda or cuda:N', 'cpu')
    .option('--threads <n>', "threads [libtorch's own choice]")
    .option('--tokens', 'also list every token: id, log-probability, text')
    .option('--json', 'print every token with its log-probability as one JSON object')
    .option('--debug', 'show the stack of an error')
    .addHelpText(
      'after',
      `
Examples:
  lorashear-native score runs/tiny-20/model --file story.txt
  lorashear-native score runs/tiny-20/model --file story.txt --tokens | sort -k 2 -n | head    # least expected
  lorashear-native score models/tiny --file story.txt --max-length 128 --json`,
    )
    .action(async (model: string, flags: ScoreFlags) => {
      const { score } = await import('../engine/client.js');
      const { engineSession } = await import('./engine_session.js');
      const { digits, whole } = await import('../report/format.js');
      const request = {
        model,
        file: flags.file,
        maxLength: numberOf('--max-length', flags.maxLength),
        batchTokens: numberOf('--batch-tokens', flags.batchTokens),
        dtype: flags.dtype,
        device: flags.device,
        threads: numberOf('--threads', flags.threads),
      };
      const result = await engineSession({ json: false }, (options) => score(request, options));
      if (flags.tokens && !flags.json) process.stdout.write(listOf(result));
      const { protocol, perplexity, nll, scored } = result;
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(result)}\n`
          : `perplexity ${digits(perplexity)} (${digits(nll)} nats per token over ${whole(scored)} tokens, ${protocol})\n`,
      );
    });
}

/** A line for each token; the first has no log-probability, as nothing predicts it. */
function listOf({ tokens }: TextScore): string {
  const rows = tokens.map(({ id, piece, logprob }) => [
    String(id),
    logprob === null ? '–' : logprob.toFixed(4),
    JSON.stringify(piece),
  ]);
  return `${columns([['id', 'logprob', 'token'], ...rows]).join('\n')}\n`;
}
