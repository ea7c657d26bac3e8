// `lorashear-native evaluate`: accuracy on multiple-choice tasks as lm-eval counts it, and perplexity by named protocols.
import { Command, Option } from 'commander';
import { LoraShearError } from '../errors.js';
import { protocolNames, protocols } from '../evaluate/protocols/index.js';
import type { EvaluationResults } from '../evaluate/results.js';
import { listOf } from './job_options.js';
import { columns } from './summary.js';

interface EvaluateFlags {
  tasks?: string;
  perplexity?: string[];
  against?: string;
  limit?: string;
  output?: string;
  logSamples?: boolean;
  dataDir?: string;
  batchTokens?: string;
  dtype?: string;
  device?: string;
  threads?: string;
  json?: boolean;
}

/** The `evaluate` subcommand. */
export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description(
      'accuracy of a checkpoint on tasks, equal to lm-eval (zero-shot), and its perplexity',
    )
    .argument('<model>', 'Hugging Face folder, pruned or not')
    .option('-t, --tasks <names>', 'with commas: arc_easy,boolq')
    .addOption(
      new Option(
        '-p, --perplexity <protocol:text>',
        'by protocol: gptq:wikitext2, llm-pruner:ptb=FILE, gptq@512:NAME=FILE; repeat for more',
      ).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]),
    )
    .option('--against <model>', 'also evaluate this one, and say how the first differs from it')
    .option('--limit <n>', 'the first n documents of each task, or a share below 1')
    .option('-o, --output <path>', "a .json file, or a folder for lm-eval's file names")
    .option('--log-samples', "also write every document's log-likelihoods beside it")
    .option('--data-dir <dir>', 'Hugging Face hub cache with the datasets [HF_HOME]')
    .option('--batch-tokens <n>', 'tokens in one forward pass')
    .option('--dtype <name>', "float32, bfloat16, float16 or auto (the checkpoint's own)")
    .option('--device <name>', 'cpu, cuda or cuda:N', 'cpu')
    .option('--threads <n>', "threads [libtorch's own choice]")
    .option('--json', 'print the results as one JSON object')
    .option('--debug', 'show the stack of an error')
    .addHelpText(
      'after',
      `\nProtocols (docs/evaluation.md):\n${protocolHelp()}\n\nExamples:
  lorashear-native evaluate runs/tiny-20/model --tasks arc_easy,boolq --limit 200 --output results.json
  lorashear-native evaluate models/tiny --tasks hellaswag --output results --log-samples
  lorashear-native evaluate models/tiny --tasks piqa --data-dir /mnt/hub --json
  lorashear-native evaluate runs/tiny-20/model --perplexity gptq:wikitext2 --perplexity llm-pruner:ptb=ptb.valid.txt
  lorashear-native evaluate runs/tiny-20/model --against models/tiny --tasks arc_easy,piqa --perplexity gptq:wikitext2`,
    )
    .action(async (model: string, flags: EvaluateFlags) => {
      const { json = false } = flags;
      const { compare, evaluate } = await import('../engine/client.js');
      const { engineSession } = await import('./engine_session.js');
      const { hubCacheFolder } = await import('../data/hub_cache.js');
      const request = {
        model,
        tasks: listOf(flags.tasks ?? ''),
        perplexity: flags.perplexity,
        limit: numberOf('--limit', flags.limit),
        output: flags.output,
        logSamples: flags.logSamples,
        dataDir: flags.dataDir ?? hubCacheFolder(process.env),
        batchTokens: numberOf('--batch-tokens', flags.batchTokens),
        dtype: flags.dtype,
        device: flags.device,
        threads: numberOf('--threads', flags.threads),
      };
      const { against } = flags;
      if (against !== undefined) {
        const { comparisonText } = await import('./comparison_table.js');
        const found = await engineSession({ json: false }, (options) =>
          compare({ ...request, against }, options),
        );
        process.stdout.write(
          json ? `${JSON.stringify(found, null, 2)}\n` : comparisonText(found.comparison),
        );
        return;
      }
      const results = await engineSession({ json: false }, (options) => evaluate(request, options));
      process.stdout.write(json ? `${JSON.stringify(results, null, 2)}\n` : tableOf(results));
    });
}

/** @throws CONFIG_INVALID when the text is no positive number */
export function numberOf(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number) && number > 0) return number;
  throw new LoraShearError('CONFIG_INVALID', `${flag} is "${value}", not a positive number`, {
    hint: `give a number: ${flag} 100`,
    facts: { flag, value },
  });
}

function protocolHelp(): string {
  const width = Math.max(...protocolNames.map(({ length }) => length));
  return protocolNames
    .map((name) => `  ${name.padEnd(width)}  ${protocols[name].description}`)
    .join('\n');
}

/** One line for each metric of a task or text. */
function tableOf({ results, 'n-samples': samples }: EvaluationResults): string {
  const rows = Object.entries(results).flatMap(([task, metrics]) =>
    Object.entries(metrics).flatMap(([key, value]) => {
      const metric = /^(\w+),none$/.exec(key)?.[1];
      if (metric?.endsWith('_stderr') !== false || typeof value !== 'number') return [];
      const error = metrics[`${metric}_stderr,none`];
      const spread = typeof error === 'number' ? `± ${error.toFixed(4)}` : '';
      return [[task, metric, value.toFixed(4), spread, String(samples[task]?.effective ?? '')]];
    }),
  );
  return `${columns([['task', 'metric', 'value', '', 'documents'], ...rows]).join('\n')}\n`;
}
