// The next token from the model's logits: the first choice, or a seeded draw from what temperature and cuts leave.
import { type Random, createRandom } from '../data/random.js';
import { LoraShearError } from '../errors.js';
import { keepMinP, keepTopK, keepTopP, penalise, softmax } from './logits.js';

export interface SamplingOptions {
  /** 0: always the first choice. Default: 0, or 1 where one of the cuts below is given. */
  temperature?: number | undefined;
  /** Only the so many most probable tokens (and those equal to the last of them). */
  topK?: number | undefined;
  /** Only the most probable tokens that together have this probability. */
  topP?: number | undefined;
  /** Only tokens with at least this share of the most probable one's probability. */
  minP?: number | undefined;
  /** Logits of tokens that occurred are divided by it where positive, multiplied where negative. Default 1. */
  repetitionPenalty?: number | undefined;
  /** A whole number; the same one gives the same text. Default 0. */
  seed?: number | undefined;
}

/** Takes logits (V), which it changes, and all tokens so far; gives the id of the next. */
export type Sampler = (logits: Float32Array, tokens: readonly number[]) => number;

/** @throws LoraShearError `CONFIG_INVALID` for a number out of its range */
export function createSampler(options: SamplingOptions = {}): Sampler {
  check(options);
  const { seed = 0 } = options;
  const greedy = temperatureOf(options) === 0;
  const random = createRandom(seed);
  return (logits, tokens) => {
    if (!greedy) return draw(distribution(logits, tokens, options), random);
    penalise(logits, tokens, options.repetitionPenalty ?? 1);
    return firstChoice(logits);
  };
}

/** Whether these options draw, instead of taking the first choice. */
export function draws(options: SamplingOptions): boolean {
  return temperatureOf(options) > 0;
}

/**
 * Probabilities (V) of the next token, in the order of transformers' logits processors: repetition penalty,
 * temperature, top-k, top-p, min-p. Changes `logits`. The temperature must be above 0.
 */
export function distribution(
  logits: Float32Array,
  tokens: readonly number[],
  options: SamplingOptions,
): Float64Array {
  const { topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  penalise(logits, tokens, repetitionPenalty);
  firstChoice(logits); // refuses what are no numbers
  const temperature = temperatureOf(options);
  if (temperature !== 1) logits.forEach((x, i) => (logits[i] = x / temperature));
  if (topK > 0) keepTopK(logits, topK);
  if (topP < 1) keepTopP(logits, topP);
  if (minP > 0) keepMinP(logits, minP);
  return softmax(logits);
}

function temperatureOf({ temperature, topK, topP, minP }: SamplingOptions): number {
  if (temperature !== undefined) return temperature;
  return topK === undefined && topP === undefined && minP === undefined ? 0 : 1;
}

/** Index of the largest. @throws LoraShearError `CHECKPOINT_INVALID` where one is no number or all are −∞ */
function firstChoice(logits: Float32Array): number {
  let [best, at] = [-Infinity, -1];
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i]!;
    if (value > best) [best, at] = [value, i];
    else if (Number.isNaN(value)) at = NaN;
    if (Number.isNaN(at)) break;
  }
  if (at >= 0 && best < Infinity) return at;
  throw new LoraShearError('CHECKPOINT_INVALID', 'the logits of the next token are no numbers', {
    hint: 'the weights may be damaged, or overflow in float16: try --dtype float32',
  });
}

function draw(probabilities: Float64Array, random: Random): number {
  let rest = random.uniform();
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    if (p === 0) continue;
    last = i;
    if (rest < p) return i;
    rest -= p;
  }
  return last;
}

/** `topP` → `top-p`, which is also the flag. */
function worded(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

type Range = readonly [key: keyof SamplingOptions, ok: (x: number) => boolean, range: string];

const ranges: readonly Range[] = [
  ['temperature', (x) => x >= 0 && x < Infinity, 'a number from 0 on'],
  ['topK', (x) => Number.isInteger(x) && x >= 1, 'a whole number from 1 on'],
  ['topP', (x) => x > 0 && x <= 1, 'a number above 0, at most 1'],
  ['minP', (x) => x >= 0 && x <= 1, 'a number from 0 to 1'],
  ['repetitionPenalty', (x) => x > 0 && x < Infinity, 'a number above 0'],
  ['seed', (x) => Number.isSafeInteger(x) && x >= 0, 'a whole number from 0 on'],
];

function check(options: SamplingOptions): void {
  for (const [key, ok, range] of ranges) {
    const value = options[key];
    if (value === undefined || ok(value)) continue;
    throw new LoraShearError('CONFIG_INVALID', `${worded(key)} is ${value}`, {
      hint: `give ${range}`,
      facts: { key, value },
    });
  }
}
