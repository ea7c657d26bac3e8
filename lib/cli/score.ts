// `lorashear-native score`: the log-probability of every token of a text, and its perplexity.
import { Command } from 'commander';
import { numberOf } from './evaluate.js';

interface ScoreFlags {
  file: string;
  maxLength?: string;
  batchTokens?: string;
  device?: string;
  threads?: string;
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
    .option('--device <name>', 'cpu, cuda or cuda:N', 'cpu')
    .option('--threads <n>', "threads [libtorch's own choice]")
    .option('--json', 'print every token with its log-probability as one JSON object')
    .option('--debug', 'show the stack of an error')
    .addHelpText(
      'after',
      '\nExample:\n  lorashear-native score runs/tiny-20/model --file story.txt --json',
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
        device: flags.device,
        threads: numberOf('--threads', flags.threads),
      };
      const result = await engineSession({ json: false }, (options) => score(request, options));
      const { protocol, perplexity, nll, scored } = result;
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(result)}\n`
          : `perplexity ${digits(perplexity)} (${digits(nll)} nats per token over ${whole(scored)} tokens, ${protocol})\n`,
      );
    });
}
