// What `lorashear-native generate` does, from folder to text.
import { readConfig } from '../checkpoint/load.js';
import { openCheckpoint } from '../checkpoint/open.js';
import type { Context } from '../context.js';
import { LoraShearError } from '../errors.js';
import { type ChatMessage, encodeChat } from '../tokenizer/chat_template.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { endTokens } from './end_tokens.js';
import { type SamplingOptions, createSampler } from './sampler.js';
import { type GeneratedText, writeText } from './write_text.js';

export interface GenerateTextOptions extends SamplingOptions {
  /** Hugging Face model folder. */
  model: string;
  /** Text to go on with, or `messages`. */
  prompt?: string | undefined;
  /** A chat, which the checkpoint's template makes a prompt that ends where the answer begins. */
  messages?: readonly ChatMessage[] | undefined;
  /** Default: 128, or what the context has room for. */
  maxNewTokens?: number | undefined;
  /** The text ends before the first of these strings. */
  stop?: readonly string[] | undefined;
  /** Go on after end tokens. */
  ignoreEnd?: boolean | undefined;
  /** `float32`, `bfloat16`, `float16`, or `auto` for the checkpoint's own. */
  dtype?: string | undefined;
}

/**
 * Writes after a prompt or in a chat; greedy unless a temperature or a cut is given.
 * @throws LoraShearError `CONTEXT_EXCEEDED`, `CONFIG_INVALID`, `DATA_EMPTY`, `CHAT_TEMPLATE_*`, and what loading a
 * checkpoint throws
 */
export function generateText(
  ctx: Context,
  { model: dir, prompt, messages, ignoreEnd = false, dtype, ...options }: GenerateTextOptions,
  onToken?: (token: { id: number; text: string }) => void,
): GeneratedText {
  createSampler(options); // refuses bad options before a model is loaded
  if ((prompt === undefined) === (messages === undefined)) {
    const given = prompt === undefined ? 'no prompt' : 'a prompt and a chat';
    throw new LoraShearError('CONFIG_INVALID', `${given} was given`, {
      hint: 'give a prompt, or the messages of a chat',
    });
  }
  readConfig(dir); // a folder that is none is said to be none
  // What a template refuses is told before a model is loaded.
  const chatIds = messages && encodeChat(dir, messages, { addGenerationPrompt: true });
  const { model, tokenizer } = openCheckpoint(dir, { device: ctx.device, dtype });
  using _ = model;
  const promptIds = chatIds ?? promptTokens(tokenizer, prompt ?? '');
  const endIds = ignoreEnd ? [] : endTokens(dir, tokenizer);
  return writeText(model, tokenizer, promptIds, { ...options, endIds, ctx, onToken });
}

/** As the tokenizer encodes a text; what it adds at the end (EOS) would end the text before it begins. */
function promptTokens(tokenizer: Tokenizer, prompt: string): number[] {
  const ids = tokenizer.encode(prompt);
  const plain = tokenizer.encode(prompt, { addSpecialTokens: false });
  const ends = ids.at(-1) === tokenizer.eosId && plain.at(-1) !== tokenizer.eosId;
  return ends && ids.length > 1 ? ids.slice(0, -1) : ids;
}
