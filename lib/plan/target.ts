// What a plan aims at: a share of one measure to remove, or the most of it that may be left.
import { closest } from 'fastest-levenshtein';
import { LoraShearError } from '../errors.js';
import type { Measure, Measures } from './costs.js';

/** `ratio`: share to remove, in (0, 1). `most`: what may be left, in the measure's unit. */
export type Target =
  | { readonly measure: Measure; readonly ratio: number }
  | { readonly measure: Measure; readonly most: number };

const names: Readonly<Record<string, Measure>> = {
  params: 'parameters',
  parameters: 'parameters',
  macs: 'macs',
  kv: 'kvBytes',
  memory: 'memory',
};

const decimal = { k: 1e3, m: 1e6, g: 1e9, b: 1e9, t: 1e12 } as const;

/**
 * `params=0.2`, `macs=30%`, `kv=0.5`, `memory=6GB`, `params=5.4B`; a number alone is a share of the parameters.
 * @throws CONFIG_INVALID
 */
export function parseTarget(text: string): Target {
  const [, name = 'params', value = ''] = /^\s*(?:([a-z_-]+)\s*=)?\s*(.*?)\s*$/i.exec(text) ?? [];
  const measure = names[name.toLowerCase()];
  if (!measure) {
    throw invalid(text, `there is no measure '${name}'`, `did you mean ${nearest(name)}? `);
  }
  const [, digits = '', unit = ''] = /^([\d.]+(?:e\d+)?)\s*(%|[a-z]*)$/i.exec(value) ?? [];
  const number = digits === '' ? NaN : Number(digits);
  const most = number * factorOf(unit, measure);
  if (unit === '%' || (unit === '' && number < 1)) {
    const ratio = unit === '%' ? number / 100 : number;
    if (ratio > 0 && ratio < 1) return { measure, ratio };
    throw invalid(text, `${value} is no share between 0 and 1`);
  }
  if (Number.isFinite(most) && most >= 1 && measure !== 'kvBytes') return { measure, most };
  throw invalid(text, `'${value}' is no share${measure === 'kvBytes' ? '' : ' and no size'}`);
}

function factorOf(unit: string, measure: Measure): number {
  const [, prefix = '', binary = '', rest = ''] =
    /^([kmgt]|b(?=$))?(i?)(b?)$/i.exec(unit) ?? ([undefined, '', '', 'none'] as const);
  if (rest === 'none') return NaN;
  if (measure === 'memory' && unit.toLowerCase() === 'b') return 1;
  const factor = prefix === '' ? 1 : decimal[prefix.toLowerCase() as keyof typeof decimal];
  const bytes = rest !== '' || binary !== '';
  if (bytes !== (measure === 'memory' && unit !== '')) return NaN;
  return binary === '' ? factor : 1024 ** (['k', 'm', 'g', 't'].indexOf(prefix.toLowerCase()) + 1);
}

const nearest = (name: string): string => closest(name, Object.keys(names));

function invalid(text: string, what: string, guess = ''): LoraShearError {
  return new LoraShearError('CONFIG_INVALID', `the target '${text}' cannot be read: ${what}`, {
    hint: `${guess}write params=0.2, macs=0.3, kv=0.5 (shares to remove), or memory=6GB, params=5.4B (what may be left)`,
    facts: { target: text },
  });
}

/** Share of the measure that has to go; at most 0 where the model is small enough. */
export function shareOf(target: Target, total: Measures): number {
  return 'ratio' in target ? target.ratio : 1 - target.most / total[target.measure];
}
