// One row of the proof: perplexity per source, tasks, and a sample of text of a model (dense, cut or recovered).
import type { EvaluationArtefact } from '../artefacts.js';
import type { Context } from '../context.js';
import type { Corpus } from '../data/corpus.js';
import type { StageName } from '../events.js';
import { runTasks } from '../evaluate/commands.js';
import { perplexity } from '../evaluate/perplexity.js';
import { textPerplexity } from '../evaluate/text_perplexity.js';
import { generate } from '../generate/generate.js';
import type { Model } from '../models/model.js';
import type { Timings } from '../run_folder/artefact_file.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import type { Yardstick } from './yardstick.js';

/** Tokens of the sample of text, prompt not counted. */
const sampleTokens = 60;
/** Tokens of a prompt that is taken from a source. */
const promptTokens = 12;

export function assess(
  ctx: Context,
  model: Model,
  name: EvaluationArtefact['model'],
  { job, corpus, tokenizer, tasks, texts, timings = {} }: Yardstick,
): EvaluationArtefact {
  const stage: StageName = `evaluate-${name}`;
  const progress = (done: number, total: number, note?: string): void => {
    const unit = note === undefined ? 'window' : 'request';
    ctx.emit({
      type: 'progress',
      stage,
      done,
      total,
      unit,
      ...(note === undefined ? {} : { note }),
    });
  };
  const started = performance.now();
  const report = perplexity(model, corpus.validation, ctx, {
    length: job.sequenceLength,
    windows: job.evaluation.windows,
    progress,
  });
  timings['read'] = since(
    started,
    report.rows.reduce((sum, { tokens }) => sum + tokens, 0),
  );
  const results = runTasks(model, tokenizer, tasks, ctx, {
    limit: job.evaluation.limit ?? undefined,
    progress,
  });
  const perplexities = textPerplexity(model, texts, ctx, {
    progress: (done, total) => progress(done, total),
  });
  const prompt = job.evaluation.samplePrompt;
  const from = performance.now();
  const [sample, written] = sampleText(ctx, model, tokenizer, prompt, corpus);
  timings['written'] = since(from, written);
  return {
    model: name,
    protocol: report.protocol,
    perplexity: report.rows,
    geometricMean: report.geometricMean,
    tasks: Object.fromEntries(results.map(({ task, metrics }) => [task, metrics])),
    samples: Object.fromEntries(results.map(({ task, effective }) => [task, effective])),
    ...(perplexities.length > 0 ? { texts: perplexities } : {}),
    sample,
  };
}

const since = (start: number, tokens: number): Timings[string] => ({
  tokens,
  seconds: (performance.now() - start) / 1000,
});

/** What the model writes after the job's prompt, or after the first words of the first source; and in how many tokens. */
function sampleText(
  ctx: Context,
  model: Model,
  tokenizer: Tokenizer,
  prompt: string | null,
  { validation }: Corpus,
): [{ prompt: string; text: string }, number] {
  const ids =
    prompt === null ? validation[0]?.ids.slice(0, promptTokens) : tokenizer.encode(prompt);
  const start = Array.from(ids ?? []).slice(-(model.context - 1)); // room for one token at least
  const decode = (part: number[]): string => tokenizer.decode(part, { skipSpecialTokens: true });
  if (start.length === 0) return [{ prompt: '', text: '' }, 0];
  const maxNewTokens = Math.min(sampleTokens, model.context - start.length);
  const endIds = tokenizer.eosId === undefined ? [] : [tokenizer.eosId];
  const written = [...generate(model, start, { maxNewTokens, endIds, ctx })];
  return [{ prompt: decode(start), text: decode(written) }, written.length];
}
