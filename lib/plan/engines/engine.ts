// What an engine is asked about a cut model, and how it answers: rule by rule, with where each rule is from.
import { overridesOf } from '../../models/layer_config.js';
import type { RawConfig } from '../../models/model.js';
import type { SizeKeys } from '../../models/sizes.js';

/** A matrix as it is stored: `rows` rows of `row` numbers. */
export interface Matrix {
  readonly name: string;
  readonly row: number;
  readonly rows: number;
}

/** The model as it would be exported. */
export interface Candidate {
  readonly config: RawConfig;
  readonly modelType: string;
  /** Why its type is not that of the dense model. */
  readonly exportReason?: string | undefined;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** null where layers differ or a family has none. */
  readonly channels: number | null;
  /** Keys that differ between layers; none: all layers are alike. */
  readonly perLayer: readonly string[];
  readonly matrices: readonly Matrix[];
}

export interface Rule {
  /** What has to hold. */
  readonly rule: string;
  readonly ok: boolean;
  /** What was seen. */
  readonly detail: string;
  /** Where the rule is from. */
  readonly source: string;
  /** Version from which it holds, where that is known. */
  readonly since?: string;
}

export interface Verdict {
  readonly engine: string;
  /** No rule speaks against it. */
  readonly loads: boolean;
  readonly rules: readonly Rule[];
  /** What is good to know besides. */
  readonly notes: readonly string[];
}

export type Engine = (candidate: Candidate) => Verdict;

/** The verdict of these rules. */
export function judged(
  engine: string,
  rules: readonly Rule[],
  notes: readonly string[] = [],
): Verdict {
  return { engine, loads: rules.every(({ ok }) => ok), rules, notes };
}

/** Reads a candidate's sizes off its config.json, under the names that its family has for them. */
export function candidateOf(
  config: RawConfig,
  keys: SizeKeys,
  matrices: readonly Matrix[],
  exportReason?: string,
): Candidate {
  const number = (key: string | undefined): number | undefined => {
    const value = key === undefined ? undefined : config[key];
    return typeof value === 'number' ? value : undefined;
  };
  const width = number(keys.width) ?? NaN;
  const heads = number(keys.heads) ?? NaN;
  const written = number(keys.headDim ?? 'head_dim');
  const perLayer = Object.values(overridesOf(config)).flatMap((own) => Object.keys(own ?? {}));
  return {
    ...{ config, width, heads, matrices, exportReason },
    modelType: String(config['model_type']),
    kvHeads: number(keys.kvHeads) ?? (config['multi_query'] === true ? 1 : heads),
    headDim: written ?? width / heads,
    channels: number(keys.channels) ?? null,
    perLayer: [...new Set(perLayer)],
  };
}

/** Whether heads·head_dim is the hidden size, so that no engine needs to be told head_dim. */
export const isSquare = ({ heads, headDim, width }: Candidate): boolean =>
  heads * headDim === width;

/** `12 heads of 64 make 768, the hidden size is 1,024`. */
export const headsInWords = ({ heads, headDim, width }: Candidate): string =>
  `${heads} heads of ${headDim} make ${heads * headDim}, the hidden size is ${width}`;

/** Query heads have to be shared evenly among key-value heads, everywhere. */
export function sharedHeads({ heads, kvHeads }: Candidate, source: string): Rule {
  return {
    rule: 'query heads are a multiple of key-value heads',
    ok: heads % kvHeads === 0,
    detail: `${heads} query heads, ${kvHeads} key-value heads`,
    source,
  };
}

/** All layers have the sizes of the config; `otherwise` says what becomes of others. */
export function alikeLayers({ perLayer }: Candidate, otherwise: string, source: string): Rule {
  const alike = perLayer.length === 0;
  return {
    rule: 'all layers have the same sizes',
    ok: alike,
    detail: alike ? 'they have' : `${perLayer.join(', ')} differ; ${otherwise}`,
    source,
  };
}
