// The forms of export, and how a folder says which one it is.
import type { RawConfig } from '../models/model.js';

export const forms = ['uniform', 'padded', 'per-layer'] as const;
export type Form = (typeof forms)[number];

/** Key in config.json that marks a folder as an export of ours, with its form and the dense model's sizes. */
export const ownKey = 'lorashear';

/** Form in which the folder of this config.json was written; null where it is no export of ours. */
export function formOf(config: RawConfig): Form | null {
  const own = config[ownKey];
  if (own === null || typeof own !== 'object') return null;
  return forms.find((form) => form === (own as RawConfig)['form']) ?? 'uniform';
}
