// The registry of mixtures: key = job key = report entry. A new one is one file and one line here.
import { byDegradation } from './degradation.js';
import type { Mixture } from './mixture.js';
import { proportional } from './proportional.js';
import { sheared } from './sheared.js';
import { uniform } from './uniform.js';

export const mixtures = {
  degradation: byDegradation,
  uniform,
  proportional,
  sheared,
} as const satisfies Readonly<Record<string, Mixture>>;

export type MixtureName = keyof typeof mixtures;
