// Instructions as token ids with labels on the response only, and padded batches of them (algorithm.md §5).
import { setImmediate } from 'node:timers/promises';
import { LoraShearError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/tokenizer.js';
import { promptOf, type Instruction, type TemplateName } from './alpaca.js';
import { createDeck, type DeckState } from './deck.js';
import {
  type Example,
  type ExampleBatch,
  ignored,
  packExamples,
  usefulTokens,
} from './pack_examples.js';
import type { StopSignal } from './stop_signal.js';

export { ignored, type Example, type ExampleBatch } from './pack_examples.js';

export interface EncodeInstructionsOptions {
  /** Tokens at most, prompt, response and EOS together. */
  maxLength: number;
  /** Default `alpaca-lora`. */
  template?: TemplateName | undefined;
  /** Count the prompt's tokens as targets too. Default false. */
  trainOnInputs?: boolean | undefined;
  /** What is done with an example that is too long. Default `truncate`, as both references do. */
  overflow?: 'truncate' | 'drop' | undefined;
  signal?: StopSignal | undefined;
}

export interface EncodedInstructions {
  examples: Example[];
  /** Examples cut short (they have no EOS). */
  truncated: number;
  /** Examples left out: too long, or nothing of the response left after cutting. */
  dropped: number;
}

/**
 * Prompt and response are tokenised together, then EOS; the first `encode(prompt).length` labels are ignored
 * (stanford_alpaca train.py, alpaca-lora finetune.py).
 * @throws LoraShearError `TOKENIZER_INVALID` without EOS; `DATA_EMPTY` when no example is left; what
 * the signal throws.
 */
export async function encodeInstructions(
  entries: readonly Instruction[],
  tokenizer: Tokenizer,
  options: EncodeInstructionsOptions,
): Promise<EncodedInstructions> {
  const { maxLength, template = 'alpaca-lora', trainOnInputs = false, overflow, signal } = options;
  const { eosId } = tokenizer;
  if (eosId === undefined) {
    throw new LoraShearError('TOKENIZER_INVALID', 'the tokenizer names no end-of-text token', {
      hint: 'add eos_token to tokenizer_config.json',
    });
  }
  const encode = (text: string): number[] => {
    const ids = tokenizer.encode(text);
    return ids.at(-1) === eosId ? ids.slice(0, -1) : ids;
  };
  const result: EncodedInstructions = { examples: [], truncated: 0, dropped: 0 };
  for (const [i, entry] of entries.entries()) {
    // A turn of the event loop now and then, so that an abort can come in.
    if (i % 256 === 255) await setImmediate();
    signal?.throwIfAborted();
    const prompt = promptOf(entry, template);
    const promptTokens = encode(prompt).length;
    const all = [...encode(prompt + entry.output), eosId];
    const tooLong = all.length > maxLength;
    if (tooLong && (overflow === 'drop' || promptTokens >= maxLength)) {
      result.dropped += 1;
      continue;
    }
    const ids = Int32Array.from(all.slice(0, maxLength));
    const labels = ids.slice();
    if (!trainOnInputs) labels.fill(ignored, 0, promptTokens);
    result.truncated += tooLong ? 1 : 0;
    result.examples.push({ ids, labels });
  }
  if (result.examples.length > 0) return result;
  throw new LoraShearError(
    'DATA_EMPTY',
    `none of ${entries.length} instructions fits into ${maxLength} tokens`,
    { hint: 'raise the maximum length', facts: { entries: entries.length, maxLength } },
  );
}

/** Pads on the right, so that a causal model needs no attention mask. */
export function padBatch(examples: readonly Example[], padId: number): ExampleBatch {
  const batch = examples.length;
  const length = Math.max(0, ...examples.map((example) => example.ids.length));
  const ids = new Int32Array(batch * length).fill(padId);
  const labels = new Int32Array(batch * length).fill(ignored);
  for (const [row, example] of examples.entries()) {
    ids.set(example.ids, row * length);
    labels.set(example.labels, row * length);
  }
  return { ids, labels, batch, length, useful: usefulTokens(examples) };
}

export interface ExampleSampler {
  next(batch: number): ExampleBatch;
  /** From here on no example comes twice until all have come. */
  beginRound(): void;
  /** Plain JSON; only fits a sampler made with the same examples and seed. */
  state(): DeckState;
  restore(state: DeckState): void;
}

/**
 * Batches of examples, each example once before any comes again.
 * @param options.length tokens of a row in which examples are packed; by default each has a row of its own
 */
export function createExampleSampler(options: {
  examples: readonly Example[];
  padId: number;
  seed: number;
  length?: number | undefined;
}): ExampleSampler {
  const { examples, padId, seed, length } = options;
  if (examples.length === 0) throw new LoraShearError('DATA_EMPTY', 'there is no example to draw');
  const deck = createDeck(examples.length, seed);
  return {
    next: (batch) => {
      const drawn = Array.from({ length: batch }, () => {
        if (deck.left() === 0) deck.mark();
        return examples[deck.draw()] as Example;
      });
      return length === undefined ? padBatch(drawn, padId) : packExamples(drawn, length, padId);
    },
    beginRound: () => deck.mark(),
    state: () => deck.state(),
    restore: (state) => deck.restore(state),
  };
}
