// Perplexity of a model on each source by one named protocol: equal windows that do not overlap (algorithm.md §9).
import type { PerplexityRow } from '../artefacts.js';
import type { Context } from '../context.js';
import { windows } from '../data/packing.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { logProbabilities } from './log_likelihood.js';

/** A source's validation documents as one row of ids, each document followed by EOS. */
export interface EvaluationSource {
  readonly name: string;
  readonly ids: Int32Array;
}

export interface PerplexityOptions {
  /** Tokens in a window; its first token is context only, so length − 1 are scored. */
  length?: number;
  /** The first so many windows of each source; all of them where it has fewer. */
  windows?: number;
  /** Tokens in one forward pass. */
  maxTokens?: number;
  progress?: ((done: number, total: number) => void) | undefined;
}

export interface PerplexityReport {
  /** `windows-256x48`: windows of 256 tokens, at most 48 of each source. */
  protocol: string;
  rows: PerplexityRow[];
  /** exp of the mean over sources of nll. */
  geometricMean: number;
}

export const perplexityDefaults = { length: 256, windows: 48 } as const;

/** The name that results carry. */
export function perplexityProtocol(length: number, count: number): string {
  return `windows-${length}x${count}`;
}

/**
 * exp of the mean negative log-likelihood per scored token, per source. `stderr` is that of the nll over windows,
 * 0 where there is one window only.
 * @throws LoraShearError `DATA_EMPTY` when a source is too short for one window
 */
export function perplexity(
  model: Model,
  sources: readonly EvaluationSource[],
  ctx: Context,
  options: PerplexityOptions = {},
): PerplexityReport {
  const { length = perplexityDefaults.length, windows: most = perplexityDefaults.windows } =
    options;
  const cut = sources.map((source) => firstWindows(source, length, most));
  const total = cut.reduce((n, { sequences }) => n + sequences.length, 0);
  let finished = 0;
  const rows = cut.map(({ name, sequences }): PerplexityRow => {
    const perWindow = logProbabilities(model, sequences, ctx, {
      ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      progress: (done) => options.progress?.(finished + done, total),
    }).map((scores) => -scores.reduce((sum, value) => sum + value, 0) / scores.length);
    finished += sequences.length;
    const { mean, stderr } = statistics(perWindow);
    return {
      source: name,
      perplexity: Math.exp(mean),
      nll: mean,
      stderr,
      tokens: sequences.length * (length - 1),
    };
  });
  return {
    protocol: perplexityProtocol(length, most),
    rows,
    geometricMean: Math.exp(statistics(rows.map(({ nll }) => nll)).mean),
  };
}

function firstWindows(
  { name, ids }: EvaluationSource,
  length: number,
  most: number,
): { name: string; sequences: Int32Array[] } {
  const all = windows({ ids }, length);
  const sequences = Array.from({ length: Math.min(all.count, most) }, (_, i) => all.window(i));
  if (sequences.length > 0) return { name, sequences };
  throw new LoraShearError(
    'DATA_EMPTY',
    `source "${name}" has ${ids.length} validation tokens; one window needs ${length + 1}`,
    {
      hint: 'give this source more validation text, or use shorter sequences',
      facts: { name, tokens: ids.length, needed: length + 1 },
    },
  );
}

/** Mean and its standard error, s / √n with n − 1 in s² (lm-eval's `mean_stderr`); 0 for one value. */
export function statistics(values: readonly number[]): { mean: number; stderr: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, stderr: n > 1 ? Math.sqrt(squares / (n - 1) / n) : 0 };
}
