// Which saliency a job asks for: one by its name, or several with weights. As text, and what it needs.
import { LoraShearError } from '../errors.js';
import {
  type Need,
  type SaliencyName,
  saliencyAliases,
  saliencyFacts,
  saliencyNames,
} from './names.js';

/** Name → weight > 0; the sum is arbitrary. */
export type SaliencyWeights = Readonly<Partial<Record<SaliencyName, number | undefined>>>;

/** A name, or a mixture of at least one. */
export type SaliencySpec = SaliencyName | SaliencyWeights;

/**
 * `wanda`, `flap` or `magnitude=0.5,wanda=0.5`. Hyphens are underscores.
 * @throws CONFIG_INVALID for a name that is unknown or there twice, and a weight that is no positive number
 */
export function parseSaliency(text: string): SaliencySpec {
  if (!text.includes('=')) return nameOf(text);
  const weights: Partial<Record<SaliencyName, number>> = {};
  for (const part of text.split(',')) {
    const [name, weight, ...more] = part.split('=');
    const key = nameOf(name ?? '');
    const value = weight === undefined || weight.trim() === '' ? NaN : Number(weight);
    if (!(value > 0 && value < Infinity) || more.length > 0) {
      throw invalid(`"${part.trim()}" is no NAME=WEIGHT with a positive weight`, text);
    }
    if (weights[key] !== undefined) throw invalid(`the saliency ${key} is there twice`, text);
    weights[key] = value;
  }
  return weights;
}

/** The spec as parseSaliency reads it. */
export function specName(spec: SaliencySpec): string {
  if (typeof spec === 'string') return spec;
  return partsOf(spec)
    .map(([name, weight]) => `${name}=${weight}`)
    .join(',');
}

/** Each saliency of a spec with its weight, in the order of the registry; of a name alone the weight is 1. */
export function partsOf(spec: SaliencySpec): [SaliencyName, number][] {
  if (typeof spec === 'string') return [[spec, 1]];
  return saliencyNames.flatMap((name): [SaliencyName, number][] => {
    const weight = spec[name];
    return weight === undefined ? [] : [[name, weight]];
  });
}

/** What must be gathered of the inputs of linears for this saliency; undefined: nothing. */
export function momentsOf(spec: SaliencySpec): 'products' | 'squares' | undefined {
  const needs = needsOf(spec);
  if (needs.has('products')) return 'products';
  return needs.has('inputs') ? 'squares' : undefined;
}

/** What must be gathered before the spec can be scored. */
export function needsOf(spec: SaliencySpec): ReadonlySet<Need> {
  return new Set(partsOf(spec).map(([name]) => saliencyFacts[name].needs));
}

/** What a job file or flag says, with aliases and text written out; what is none of ours stays as it is. */
export function spelledOut(value: unknown): unknown {
  if (typeof value === 'string') {
    try {
      return parseSaliency(value);
    } catch {
      return value; // the schema says what is wrong
    }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const given = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(given).map(([key, weight]) => {
      const name = Object.hasOwn(saliencyAliases, key) ? saliencyAliases[key] : undefined;
      return [name === undefined || Object.hasOwn(given, name) ? key : name, weight];
    }),
  );
}

function nameOf(text: string): SaliencyName {
  const key = text.trim().replaceAll('-', '_');
  const name = Object.hasOwn(saliencyAliases, key) ? saliencyAliases[key] : key;
  const known = saliencyNames.find((one) => one === name);
  if (known) return known;
  throw invalid(`there is no saliency "${text.trim()}"`, text);
}

function invalid(message: string, given: string): LoraShearError {
  return new LoraShearError('CONFIG_INVALID', message, {
    hint: `give one of ${saliencyNames.join(', ')}, or several as magnitude=0.5,wanda=0.5`,
    facts: { given },
  });
}
