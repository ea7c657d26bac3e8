// What LoRA was attached with: defaults, checks, and rank and alpha of each linear.
import { LoraShearError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { LoraDropout } from './dropout.js';
import { type Targets, everyLinear, keyMatches } from './targets.js';

export interface LoraSettings extends Targets {
  /** Rank r. */
  readonly r: number;
  /** The update is scaled by s = alpha / r. */
  readonly alpha: number;
  /** Probability with which training zeroes an input of A. */
  readonly dropout: number;
  /** s = alpha / √r instead (rank-stabilised LoRA, arXiv:2312.03732). */
  readonly useRslora: boolean;
  /** Ranks other than r, by regular expressions of the end of a path; the first that matches counts. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Alphas other than alpha, likewise. */
  readonly alphaPattern: Readonly<Record<string, number>>;
}

/** Rank and alpha have no default: they are the user's choice. */
export const defaults: Omit<LoraSettings, 'r' | 'alpha'> = {
  targets: 'all-linear',
  exclude: null,
  layersToTransform: null,
  layersPattern: null,
  dropout: 0,
  useRslora: false,
  rankPattern: {},
  alphaPattern: {},
};

/** @throws CONFIG_INVALID */
export function checkSettings(settings: LoraSettings): void {
  const { r, alpha, dropout, rankPattern, alphaPattern, targets, layersToTransform } = settings;
  const isRank = (x: number): boolean => Number.isSafeInteger(x) && x > 0;
  const refuse = (key: string, value: unknown, rule: string): never => {
    throw new LoraShearError('CONFIG_INVALID', `LoRA: ${key} is ${String(value)}`, {
      hint: `it must be ${rule}`,
      facts: { key, value },
    });
  };
  const ranks = Object.entries({ r, ...rankPattern });
  for (const [key, rank] of ranks) if (!isRank(rank)) refuse(key, rank, 'a whole number above 0');
  const alphas = Object.entries({ alpha, ...alphaPattern });
  for (const [key, a] of alphas) if (!Number.isFinite(a)) refuse(key, a, 'a number');
  if (!(dropout >= 0 && dropout < 1)) refuse('dropout', dropout, 'from 0 to below 1');
  if (typeof targets === 'string' && layersToTransform !== null) {
    refuse('targets', targets, 'a list where layersToTransform is given, as in PEFT');
  }
}

export interface Scaling {
  readonly r: number;
  readonly scale: number;
}

/** Rank and scale of the linear at `path`. */
export function scalingOf(settings: LoraSettings, path: string): Scaling {
  const valueOf = (pattern: Readonly<Record<string, number>>, otherwise: number): number =>
    Object.entries(pattern).find(([key]) => keyMatches(key, path))?.[1] ?? otherwise;
  const r = valueOf(settings.rankPattern, settings.r);
  const alpha = valueOf(settings.alphaPattern, settings.alpha);
  return { r, scale: alpha / (settings.useRslora ? Math.sqrt(r) : r) };
}

interface Attachment {
  readonly settings: LoraSettings;
  readonly dropout: LoraDropout | null;
}

const attachments = new WeakMap<Model, Attachment>();

/** Remembers what `model`'s LoRA was attached with; null forgets it. */
export function remember(model: Model, attachment: Attachment | null): void {
  if (attachment) attachments.set(model, attachment);
  else attachments.delete(model);
}

export const attachmentOf = (model: Model): Attachment | undefined => attachments.get(model);

/**
 * What the model's LoRA was attached with; for factors that were set by hand or came through a cut, settings that
 * say the same. Undefined where there is no LoRA.
 */
export function settingsOf(model: Model): LoraSettings | undefined {
  const attached = [...everyLinear(model)].flatMap(([path, { lora }]) =>
    lora ? [{ path, r: lora.A.extent(0), scale: lora.scale }] : [],
  );
  const [first] = attached;
  if (!first) return undefined;
  const known = attachments.get(model)?.settings;
  const agrees = attached.every(({ path, r, scale }) => {
    const said = known && scalingOf(known, path);
    return said?.r === r && said.scale === scale;
  });
  if (known && agrees) return known;
  const rankPattern: Record<string, number> = {};
  const alphaPattern: Record<string, number> = {};
  const alpha = first.scale * first.r;
  for (const { path, r, scale } of attached) {
    const key = path.replaceAll('.', '\\.');
    if (r !== first.r) rankPattern[key] = r;
    if (scale * r !== alpha) alphaPattern[key] = scale * r;
  }
  const targets = attached.map(({ path }) => path);
  return { ...defaults, r: first.r, alpha, targets, rankPattern, alphaPattern };
}
