// Rotary positions as config.json describes them: base, scaling and partial rotation, in the forms of transformers 4 and 5.
import { LoraShearError } from '../errors.js';
import { type Frequencies, fixedFrequencies, inverseFrequencies } from '../nn/rope.js';
import type { RawConfig } from './model.js';

type Json = Readonly<Record<string, unknown>>;

export interface RopeDefaults {
  /** Base of the frequencies where config.json names none. */
  readonly theta?: number;
  /** Rotated features of each head where config.json has no `partial_rotary_factor`. */
  readonly partial?: number;
  /** Entry of `rope_parameters` for a kind of layer (Gemma 3). */
  readonly layerType?: string;
  /** No scaling whatever config.json says (Gemma 3's local layers in the form of transformers 4). */
  readonly unscaled?: boolean;
}

const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** `rope_parameters` (transformers 5) or `rope_scaling` (4), and the keys beside it. */
function parametersOf(config: RawConfig, layerType: string | undefined): Json {
  const five = config['rope_parameters'];
  const inner = layerType !== undefined && isObject(five) ? five[layerType] : undefined;
  const four = config['rope_scaling'];
  const scaling = isObject(inner) ? inner : isObject(five) ? five : isObject(four) ? four : {};
  return scaling;
}

/**
 * Frequencies of the rotated part of a head of `headDim` features.
 * @throws CHECKPOINT_UNSUPPORTED for a scaling that is not computed, CHECKPOINT_INVALID for one without its numbers
 */
export function ropeOf(
  config: RawConfig,
  headDim: number,
  { theta = 10_000, partial = 1, layerType, unscaled = false }: RopeDefaults = {},
): Frequencies {
  const given = parametersOf(config, layerType);
  const first = (...values: unknown[]): number | undefined =>
    values.find((value): value is number => typeof value === 'number');
  const base = unscaled ? theta : (first(given['rope_theta'], config['rope_theta']) ?? theta);
  const share =
    first(given['partial_rotary_factor'], config['partial_rotary_factor'], config['rotary_pct']) ??
    partial;
  const rotated = Math.trunc(headDim * share);
  if (rotated % 2 !== 0 || rotated < 2) {
    throw new LoraShearError(
      'CHECKPOINT_INVALID',
      `config.json: ${share} of ${headDim} features of a head are rotated, which is no even number`,
      { hint: 'check partial_rotary_factor and head_dim in config.json' },
    );
  }
  const plain = inverseFrequencies(rotated, base);
  const named = [given['rope_type'], given['type']].find(
    (value): value is string => typeof value === 'string',
  );
  const type = unscaled ? 'default' : (named ?? 'default');
  const context = Number(config['max_position_embeddings']);
  switch (type) {
    case 'default':
      return fixedFrequencies(plain);
    case 'linear':
      return fixedFrequencies(plain.map((f) => f / need(given, 'factor')));
    case 'llama3':
      return fixedFrequencies(plain.map((f) => llama3(f, given)));
    case 'yarn':
      return yarn(plain, base, rotated, given, context);
    case 'longrope':
    case 'su':
      return longRope(plain, given, config, context);
    default:
      throw new LoraShearError(
        'CHECKPOINT_UNSUPPORTED',
        `this checkpoint uses RoPE scaling '${type}'`,
        {
          hint: 'these are computed: default, linear, llama3, yarn, longrope',
          facts: { ropeType: type },
        },
      );
  }
}

function need(given: Json, key: string): number {
  const value = given[key];
  if (typeof value === 'number' && value > 0) return value;
  throw new LoraShearError('CHECKPOINT_INVALID', `config.json: RoPE scaling without '${key}'`, {
    hint: 'check rope_scaling or rope_parameters against the checkpoint it came with',
    facts: { key },
  });
}

/** Slow pairs turn `factor` times slower, fast ones as before, those between in proportion (LLaMA 3.1). */
function llama3(frequency: number, given: Json): number {
  const factor = need(given, 'factor');
  const [low, high] = [need(given, 'low_freq_factor'), need(given, 'high_freq_factor')];
  const turns = (need(given, 'original_max_position_embeddings') * frequency) / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const smooth = (turns - low) / (high - low);
  return (1 - smooth) * (frequency / factor) + smooth * frequency;
}

/** YaRN (arXiv 2309.00071): as llama3 with a linear ramp over pairs, and cosines multiplied by its temperature. */
function yarn(
  plain: readonly number[],
  base: number,
  rotated: number,
  given: Json,
  context: number,
): Frequencies {
  const original =
    typeof given['original_max_position_embeddings'] === 'number'
      ? given['original_max_position_embeddings']
      : context;
  const factor = need(given, 'factor');
  const number = (key: string, fallback: number): number =>
    typeof given[key] === 'number' ? given[key] : fallback;
  const pairAt = (turns: number): number =>
    (rotated * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const truncate = given['truncate'] !== false;
  let [low, high] = [pairAt(number('beta_fast', 32)), pairAt(number('beta_slow', 1))];
  if (truncate) [low, high] = [Math.floor(low), Math.ceil(high)];
  low = Math.max(low, 0);
  high = Math.min(high, rotated - 1);
  if (low === high) high += 0.001;
  const values = plain.map((frequency, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return (frequency / factor) * ramp + frequency * (1 - ramp);
  });
  const temperature = (scale: number, by: number): number =>
    scale <= 1 ? 1 : 0.1 * by * Math.log(scale) + 1;
  const { attention_factor: stated, mscale, mscale_all_dim: all } = given;
  const attention =
    typeof stated === 'number'
      ? stated
      : typeof mscale === 'number' && typeof all === 'number' && mscale > 0 && all > 0
        ? temperature(factor, mscale) / temperature(factor, all)
        : temperature(factor, 1);
  return fixedFrequencies(values, attention);
}

/** LongRoPE (Phi-3): a factor for each pair, one list up to the original context and one beyond. */
function longRope(
  plain: readonly number[],
  given: Json,
  config: RawConfig,
  context: number,
): Frequencies {
  const stated =
    given['original_max_position_embeddings'] ?? config['original_max_position_embeddings'];
  const original = typeof stated === 'number' ? stated : context;
  const list = (key: string): number[] => {
    const factors = given[key];
    if (!Array.isArray(factors) || factors.length !== plain.length) {
      throw new LoraShearError(
        'CHECKPOINT_INVALID',
        `config.json: LongRoPE needs ${plain.length} numbers in '${key}'`,
        { hint: 'check rope_scaling or rope_parameters against the checkpoint it came with' },
      );
    }
    return plain.map((frequency, i) => frequency / Number(factors[i]));
  };
  const [short, long] = [list('short_factor'), list('long_factor')];
  const factor = typeof given['factor'] === 'number' ? given['factor'] : context / original;
  const attention =
    typeof given['attention_factor'] === 'number'
      ? given['attention_factor']
      : factor <= 1
        ? 1
        : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return { at: (length) => (length > original ? long : short), attention, breaksAt: original };
}
