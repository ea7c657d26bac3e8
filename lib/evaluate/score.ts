// The log-probability of every token of a text, and its perplexity, by rolling windows.
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { scoreSequences } from './log_likelihood.js';
import { rollingWindows } from './rolling_windows.js';

export interface TextScore {
  /** `rolling-512`: see {@link rollingWindows}. */
  protocol: string;
  /** Every token of the text, special ones included; null for the first, which nothing predicts. */
  tokens: { id: number; piece: string; logprob: number | null }[];
  /** Tokens with a log-probability. */
  scored: number;
  /** Mean negative log-likelihood in nats per scored token. */
  nll: number;
  /** exp(nll). */
  perplexity: number;
}

export interface ScoreTextOptions {
  ctx: Context;
  /** Longest input of one forward pass; default and upper bound: the model's context. */
  maxLength?: number | undefined;
  /** Tokens in one forward pass over several windows. */
  maxTokens?: number | undefined;
  progress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Tokenises `text` as the checkpoint's tokenizer does by default (BOS where it adds one) and scores every token
 * but the first, so the first word counts only where BOS precedes it.
 * @throws LoraShearError `DATA_EMPTY` when the text has fewer than two tokens, `CONFIG_INVALID` for a bad maxLength
 */
export function scoreText(
  model: Model,
  tokenizer: Tokenizer,
  text: string,
  { ctx, maxLength = model.context, maxTokens, progress }: ScoreTextOptions,
): TextScore {
  if (!Number.isInteger(maxLength) || maxLength < 1 || maxLength > model.context) {
    throw new LoraShearError('CONFIG_INVALID', `a window of ${maxLength} tokens was asked for`, {
      hint: `give a whole number from 1 to the model's context, ${model.context}`,
      facts: { maxLength, context: model.context },
    });
  }
  const ids = tokenizer.encode(text);
  if (ids.length < 2) {
    throw new LoraShearError('DATA_EMPTY', `the text has ${ids.length} token(s)`, {
      hint: 'give a text with at least two tokens: the first one is only a context',
    });
  }
  const scores = scoreSequences(model, rollingWindows(ids, maxLength), ctx, {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    progress,
  });
  const logprobs = scores.flatMap(({ logProbabilities }) => Array.from(logProbabilities));
  const nll = -logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
  return {
    protocol: `rolling-${maxLength}`,
    tokens: ids.map((id, i) => ({
      id,
      piece: tokenizer.token(id) ?? '',
      logprob: logprobs[i - 1] ?? null,
    })),
    scored: logprobs.length,
    nll,
    perplexity: Math.exp(nll),
  };
}
