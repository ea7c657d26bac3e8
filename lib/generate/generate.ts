// The tokens that a model writes after a prompt, one at a time.
import { type Context, createContext } from '../context.js';
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import { type SamplingOptions, createSampler } from './sampler.js';
import { type Stepper, cachedStepper } from './stepper.js';

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to write. */
  maxNewTokens: number;
  /** Tokens that end the text; the one that came is the last token given. */
  endIds?: readonly number[] | undefined;
  ctx?: Context | undefined;
  /** How the model goes on from token to token; taken over. Default: with a cache. */
  stepper?: Stepper | undefined;
}

/** `end`: one of the end tokens came; `length`: the most tokens were written. */
export type TokenFinish = 'end' | 'length';

/**
 * Writes after `prompt` (at least one token). Stopping the iteration frees what was kept of the text.
 * @throws LoraShearError `CONTEXT_EXCEEDED` when prompt and new tokens do not fit into the model's context,
 * `DATA_EMPTY` without a prompt, `CONFIG_INVALID` for a bad option, `RUN_ABORTED`
 */
export function* generate(
  model: Model,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): Generator<number, TokenFinish, undefined> {
  const { maxNewTokens, endIds = [], ctx = createContext() } = options;
  const stepper = options.stepper ?? cachedStepper(model, ctx.device);
  try {
    const next = createSampler(options);
    checkRoom(model.context, prompt.length, maxNewTokens);
    const all = Array.from(prompt);
    let fresh = all.slice();
    for (let written = 0; written < maxNewTokens; written++) {
      ctx.checkpoint();
      const id = next(stepper.step(fresh), all);
      all.push(id);
      yield id;
      if (endIds.includes(id)) return 'end';
      fresh = [id];
    }
    return 'length';
  } finally {
    stepper.dispose();
  }
}

/** @throws as {@link generate}, before anything is computed */
export function checkRoom(context: number, prompt: number, maxNewTokens: number): void {
  if (prompt === 0) {
    throw new LoraShearError('DATA_EMPTY', 'the prompt has no token', {
      hint: 'give a prompt: this tokenizer puts no token of its own in front',
    });
  }
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new LoraShearError('CONFIG_INVALID', `${maxNewTokens} new tokens were asked for`, {
      hint: 'give a whole number from 1 on',
      facts: { maxNewTokens },
    });
  }
  if (prompt + maxNewTokens <= context) return;
  const room = context - prompt;
  throw new LoraShearError(
    'CONTEXT_EXCEEDED',
    `${prompt} tokens of prompt and ${maxNewTokens} new ones are ${prompt + maxNewTokens}; the model's context is ${context}`,
    {
      hint: room > 0 ? `ask for at most ${room} new tokens` : 'give a shorter prompt',
      facts: { prompt, maxNewTokens, context },
    },
  );
}
